// Kernels that run while a model is baked: encode, pack, decode, widen.
#include "quant/prepare_kernels.h"

#include <functional>
#include <numeric>

#include "quant/formula.h"

namespace hearth {
namespace {

constexpr int kLanes = 16;

std::string numbered(const std::string& name, int i) { return name + "_" + std::to_string(i); }

Stmt copy(Type type, Buffer from, Expr from_index, Buffer to, Expr to_index) {
  return store(to, to_index, load_as(type, from, from_index));
}

// Copies `count` elements of `type`'s element type in pieces of its lanes, the rest one by one.
Stmt copy_all(Type type, Buffer from, Expr from_index, Buffer to, Expr to_index, Expr count) {
  const Expr at = var("at"), rest = var("rest"), done = count / type.lanes * type.lanes;
  const Expr one = done + rest;
  return block({loop("at", count / type.lanes, LoopKind::serial,
                     copy(type, from, from_index + at * type.lanes, to, to_index + at * type.lanes)),
                loop("rest", count % type.lanes, LoopKind::serial,
                     copy(type.with_lanes(1), from, from_index + one, to, to_index + one))});
}

Stmt rows_of_blocks(Expr blocks, Stmt body) {
  return loop("row", size_expr("rows"), LoopKind::parallel, loop("block", blocks, LoopKind::serial, body));
}

// How the chunks of one piece of a block move: `lanes` units of type `unit`, which divides every offset involved.
struct Chunk {
  DType unit;
  int lanes;
  int count;  // chunks a piece
};

Chunk chunk_of(const Storage2D& storage, const Layout& layout, const Field& what, const Piece& piece) {
  const int together = interleave_of(what, layout), bytes = together * bytes_of(what.dtype);
  const int common = std::gcd(std::gcd(bytes, storage.block_bytes), std::gcd(piece.offset, 8));
  const DType unit = common == 8 ? DType::u64 : common == 4 ? DType::u32 : common == 2 ? DType::u16 : DType::u8;
  return {unit, bytes / bytes_of(unit), piece.elements / together};
}

// What a panel's copy reads and writes; `starts`: byte offset of each row's block in `source`, negative for a row of
// zeros.
struct Panel {
  Buffer source, packed;
  std::vector<Expr> starts;
  Expr start;  // byte offset of the panel's block in `packed`
};

enum class Rows { all_present, some_missing };

// One block of a panel: every piece, chunk by chunk, all rows side by side. from_block: bytes from each row's start.
Stmt pack_block(const Storage2D& storage, const Layout& layout, const Panel& panel, Expr from_block, Rows presence) {
  const int rows = static_cast<int>(panel.starts.size());
  const std::vector<Field>& fields = fields_of(storage, layout);
  std::vector<Stmt> pieces;
  for (const Piece& piece : pieces_of(fields)) {
    const Chunk chunk = chunk_of(storage, layout, fields[piece.field], piece);
    const int unit = bytes_of(chunk.unit);
    const Type type{chunk.unit, chunk.lanes};
    const Expr at = var("chunk");
    const Expr from = (from_block + piece.offset) / unit + at * chunk.lanes;
    const Expr to = (panel.start + piece.offset * rows) / unit + at * (rows * chunk.lanes);
    std::vector<Stmt> moves;
    for (int row = 0; row < rows; ++row) {
      const Expr begin = panel.starts[row], target = to + row * chunk.lanes;
      const Stmt move = copy(type, panel.source, begin / unit + from, panel.packed, target);
      const Stmt zero = store(panel.packed, target, spread(constant_int(type.with_lanes(1), 0), chunk.lanes));
      moves.push_back(presence == Rows::all_present ? move : when(Expr(0) <= begin, move, zero));
    }
    pieces.push_back(loop("chunk", chunk.count, LoopKind::serial, block(moves)));
  }
  return block(pieces);
}

// One block of a row in the form for panels into `arranged`; zeros for a missing row. begin: byte offset of the row.
Stmt arrange_row(const Storage2D& storage, Buffer source, Expr begin, Expr from_block, Buffer arranged, Expr row) {
  const int bytes = storage.block_bytes;
  const Type piece{DType::u8, kLanes};
  const Buffer from = local_buffer("from", DType::u8, bytes), to = local_buffer("to", DType::u8, bytes);
  const Stmt zeros = loop("zero", bytes, LoopKind::serial, store(to, var("zero"), constant_int({DType::u8, 1}, 0)));
  const Stmt moved =
      alloc(from, block({copy_all(piece, source, begin + from_block, from, 0, bytes), storage.arrange(from, to)}));
  return alloc(to, block({when(Expr(0) <= begin, moved, zeros), copy_all(piece, to, 0, arranged, row * bytes, bytes)}));
}

// A block of a panel by way of its form for panels: all rows arranged side by side, then packed.
Stmt pack_arranged(const Storage2D& storage, const Layout& layout, const Panel& panel, Expr from_block,
                   const std::function<Expr(Expr)>& start_of) {
  const Buffer arranged = local_buffer("arranged", DType::u8, int64_t{layout.rows} * storage.block_bytes);
  Panel from{arranged, panel.packed, {}, panel.start};
  for (int row = 0; row < layout.rows; ++row) from.starts.push_back(row * storage.block_bytes);
  const Expr row = var("arranged_row"), begin = var("begin");
  const Stmt rows =
      loop("arranged_row", layout.rows, LoopKind::serial,
           let("begin", start_of(row), arrange_row(storage, panel.source, begin, from_block, arranged, row)));
  return alloc(arranged, block({rows, pack_block(storage, layout, from, 0, Rows::all_present)}));
}

// Row order: a panel is one row, copied whole.
Stmt pack_row(const Panel& panel, Expr row_bytes) {
  const Type piece{DType::u8, kLanes};
  const Expr at = var("zero");
  const Stmt zeros = loop("zero", row_bytes, LoopKind::serial,
                          store(panel.packed, panel.start + at, constant_int({DType::u8, 1}, 0)));
  return when(Expr(0) <= panel.starts[0],
              copy_all(piece, panel.source, panel.starts[0], panel.packed, panel.start, row_bytes), zeros);
}

std::string name_of(const Storage2D& storage, const Layout& layout) {
  std::string name = "pack";
  for (const Field& field : storage.fields) name += fmt::format("_{}x{}", name_of(field.dtype), field.count);
  if (storage.arrange) name += "_arranged";
  if (layout.word != 4) name += fmt::format("_words_of_{}", layout.word);
  return fmt::format("{}_by_{}", name, layout.rows);
}

}  // namespace

Kernel encode_kernel(const Scheme& scheme, DType source) {
  const Buffer from = global_buffer("source", source), to = global_buffer("bytes", DType::u8);
  const Expr row = var("row"), at = var("block"), columns = size_expr("columns");
  const int block_bytes = scheme.block_bytes();
  const int lanes = std::gcd(scheme.block, kLanes);
  const Expr blocks = columns / scheme.block;
  Steps steps;
  const Buffer values = steps.local("values", DType::f32, scheme.block);
  const Buffer bytes = steps.local("block_bytes", DType::u8, block_bytes);
  const Expr begin = steps.let("begin", row * columns + at * scheme.block);
  const Expr piece = var("piece");
  const Expr loaded = load_as({source, lanes}, from, begin + piece * lanes);
  steps.add(loop("piece", scheme.block / lanes, LoopKind::serial, store(values, piece * lanes, to_f32(loaded))));
  steps.add(scheme.encode(values, bytes));
  steps.add(copy_all({DType::u8, kLanes}, bytes, 0, to, (row * blocks + at) * block_bytes, block_bytes));
  Kernel kernel{.name = fmt::format("encode_{}_{}", scheme.name, name_of(source))};
  kernel.params = {{from, Access::read}, {to, Access::write}};
  kernel.extent = Dim::size("rows");
  kernel.body = rows_of_blocks(blocks, steps.done());
  return kernel;
}

Kernel pack_kernel(const Storage2D& storage, const Layout& layout) {
  const Buffer source = global_buffer("source", DType::u8), packed = global_buffer("packed", DType::u8);
  const Buffer row_map = global_buffer("row_map", DType::i64);
  const Expr panel = var("panel"), at = var("block"), blocks = size_expr("blocks_per_row");
  Steps steps;
  const Expr row_bytes = steps.let("row_bytes", blocks * storage.block_bytes);
  Panel one{source, packed, {}, steps.let("start", panel * row_bytes * layout.rows)};
  const auto start_of = [&](Expr row) { return load(row_map, panel * layout.rows + row) * row_bytes; };
  Expr lowest;
  for (int row = 0; row < (storage.arrange && layout.rows > 1 ? 0 : layout.rows); ++row) {
    const Expr begin = steps.let(numbered("row", row), start_of(row));
    one.starts.push_back(begin);
    lowest = lowest ? min(lowest, begin) : begin;
  }
  const Expr from_block = at * storage.block_bytes;
  Panel of_block = one;
  of_block.start = one.start + at * (layout.rows * storage.block_bytes);
  const auto blocks_with = [&](Rows presence) {
    return loop("block", blocks, LoopKind::serial, pack_block(storage, layout, of_block, from_block, presence));
  };
  if (layout.rows == 1)
    steps.add(pack_row(one, row_bytes));
  else if (storage.arrange)
    steps.add(loop("block", blocks, LoopKind::serial, pack_arranged(storage, layout, of_block, from_block, start_of)));
  else
    steps.add(when(Expr(0) <= lowest, blocks_with(Rows::all_present), blocks_with(Rows::some_missing)));
  Kernel kernel{.name = name_of(storage, layout)};
  kernel.params = {{source, Access::read}, {row_map, Access::read}, {packed, Access::write}};
  kernel.extent = Dim::size("panels");
  kernel.body = loop("panel", size_expr("panels"), LoopKind::parallel, steps.done());
  return kernel;
}

Kernel decode_kernel(const Scheme& scheme) {
  const Buffer bytes = global_buffer("bytes", DType::u8), values = global_buffer("values", DType::f32);
  const Expr row = var("row"), at = var("block"), columns = size_expr("columns");
  const Expr blocks = columns / scheme.block;
  const ReadField read = read_fields(storage_of(scheme), {.rows = 1}, bytes, row, 0, at, blocks);
  const int group = scheme.group(), lanes = std::gcd(group, kLanes);
  std::vector<Stmt> stores;                              // outer axes are constants, so that their selects fold
  for (int first = 0; first < scheme.block; first += lanes) {
    Axes axes(scheme.axes.size());
    int rest = first;
    for (size_t axis = axes.size(); axis-- > 0; rest /= scheme.axes[axis]) axes[axis] = rest % scheme.axes[axis];
    const Expr to = row * columns + at * scheme.block + first;
    stores.push_back(store(values, to, decode(scheme, read, axes, lanes)));
  }
  Kernel kernel{.name = "decode_" + scheme.name};
  kernel.params = {{bytes, Access::read}, {values, Access::write}};
  kernel.extent = Dim::size("rows");
  kernel.body = rows_of_blocks(blocks, block(stores));
  return kernel;
}

Kernel widen_kernel(DType source) {
  const Buffer from = global_buffer("source", source), to = global_buffer("values", DType::f32);
  const Dim elements = Dim::size("elements");
  const Expr chunk = var("chunk"), piece = var("piece"), rest = var("rest");
  Steps steps;
  const Expr begin = steps.let("begin", chunk * kWidenChunk);
  const Expr count = steps.let("count", min(Expr(elements) - begin, Expr(kWidenChunk)));
  auto widen = [&](int lanes, Expr at) { return store(to, at, to_f32(load_as({source, lanes}, from, at))); };
  steps.add(loop("piece", count / kLanes, LoopKind::serial, widen(kLanes, begin + piece * kLanes)));
  steps.add(loop("rest", count % kLanes, LoopKind::serial, widen(1, begin + count / kLanes * kLanes + rest)));
  Kernel kernel{.name = fmt::format("widen_{}", name_of(source))};
  kernel.params = {{from, Access::read}, {to, Access::write}};
  kernel.extent = ceil_div(elements, kWidenChunk);
  kernel.body = loop("chunk", ceil_div(elements, kWidenChunk), LoopKind::parallel, steps.done());
  return kernel;
}

}  // namespace hearth
