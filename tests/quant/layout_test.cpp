// Layouts: packing and reading back gives the same fields and values; plain rows widen to f32.
#include "quant/layout.h"

#include <cstring>
#include <map>

#include "quant/formula.h"
#include "quant/prepare_kernels.h"
#include "tests/quant/inputs.h"
#include "tests/quant/running.h"

namespace hearth {
namespace {

struct Case {
  std::string name;              // a scheme, or a plain element type
  int panel_rows, rows, word = 4;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.rows << " rows of " << one.name; }

struct Storage {
  Storage2D parts;
  std::vector<int> halves;       // byte offsets of f16 fields
};

Storage storage_named(const std::string& name) {
  const Scheme* scheme = find_scheme(name);
  Storage storage{scheme ? storage_of(*scheme) : storage_of(*dtype_of(name)), {}};
  int offset = 0;
  for (const Field& field : storage.parts.fields) {
    if (field.dtype == DType::f16) storage.halves.push_back(offset);
    offset += bytes_of(field.dtype) * field.count;
  }
  return storage;
}

// Packed in the given order of rows, -1 for padding.
std::vector<uint8_t> pack(const Storage2D& storage, const Layout& layout, std::vector<uint8_t> source,
                          std::vector<int64_t> row_map, int blocks) {
  const int64_t panels = static_cast<int64_t>(row_map.size()) / layout.rows;
  const Dim size = bytes_of(storage, layout, static_cast<int64_t>(row_map.size()), int64_t{blocks} * storage.block);
  std::vector<uint8_t> packed(size.value(), 0xee);
  run(pack_kernel(storage, layout), {raw(source), raw(row_map), raw(packed)},
      {{"panels", panels}, {"blocks_per_row", blocks}});
  return packed;
}

enum class Read { one_row, all_rows };

// Each block as panels keep it, one row after the other.
std::vector<uint8_t> arranged(const Storage2D& storage, std::vector<uint8_t> blocks) {
  if (!storage.arrange) return blocks;
  const int bytes = storage.block_bytes;
  const Buffer from = global_buffer("from", DType::u8), to = global_buffer("to", DType::u8);
  const Buffer in = local_buffer("in", DType::u8, bytes), out = local_buffer("out", DType::u8, bytes);
  const Expr i = var("i"), j = var("j"), at = var("block") * bytes;
  const Stmt body =
      block({loop("i", bytes, LoopKind::serial, store(in, i, load(from, at + i))), storage.arrange(in, out),
             loop("j", bytes, LoopKind::serial, store(to, at + j, load(out, j)))});
  std::vector<uint8_t> result(blocks.size(), 0xee);
  run({"arrange",
       {{from, Access::read}, {to, Access::write}},
       Dim::size("blocks"),
       loop("block", size_expr("blocks"), LoopKind::parallel, alloc(in, alloc(out, body)))},
      {raw(blocks), raw(result)}, {{"blocks", static_cast<int64_t>(blocks.size()) / bytes}});
  return result;
}

// Reads every field element through read_fields, `lanes` at once, and writes it where row order has it.
Kernel unpack_kernel(const Storage2D& storage, const Layout& layout, Read how, bool chunks) {
  const Buffer from = global_buffer("packed", DType::u8), to = global_buffer("rows", DType::u8);
  const Expr panel = var("panel"), at = var("block"), element = var("element"), each = var("row");
  const Expr blocks = size_expr("blocks_per_row");
  const Expr row = how == Read::one_row ? each : ramp(0, 1, layout.rows);
  const int rows = how == Read::one_row ? 1 : layout.rows;
  std::vector<Stmt> stmts;
  std::map<int, int> before;  // elements of a field in the pieces so far
  for (const Piece& piece : pieces_of(fields_of(storage, layout))) {
    const Field& what = fields_of(storage, layout)[piece.field];
    const int field = piece.field, lanes = chunks ? interleave_of(what, layout) : 1;
    const Expr first = element * lanes;
    const Expr value = read_fields(storage, layout, from, panel, row, at, blocks)(field, first + before[field], lanes);
    const Expr elements = lanes == 1 ? broadcast(first, rows) : broadcast(ramp(first, 1, lanes), rows);
    const Expr global_row = panel * layout.rows + spread(row, rows * lanes);
    const int size = bytes_of(what.dtype);
    const Expr index = (global_row * blocks + at) * (storage.block_bytes / size) + (elements + piece.offset / size);
    stmts.push_back(loop("element", piece.elements / lanes, LoopKind::serial, store(to, index, value)));
    before[field] += piece.elements;
  }
  Stmt body = loop("block", blocks, LoopKind::serial, block(stmts));
  if (how == Read::one_row) body = loop("row", layout.rows, LoopKind::serial, body);
  return {"unpack", {{from, Access::read}, {to, Access::write}}, Dim::size("panels"),
          loop("panel", size_expr("panels"), LoopKind::parallel, body)};
}

class EveryLayout : public testing::TestWithParam<Case> {
 protected:
  const Storage storage_ = storage_named(GetParam().name);
  const Storage2D& parts_ = storage_.parts;
  const Layout layout_{GetParam().panel_rows, GetParam().word};
  const int blocks_ = parts_.block == 1 ? 37 : 3;
  const int row_bytes_ = blocks_ * parts_.block_bytes;
  const int rows_ = GetParam().rows;
  const int panels_ = (rows_ + layout_.rows - 1) / layout_.rows;
  std::vector<uint8_t> source_ = random_blocks(rows_ * blocks_, parts_.block_bytes, storage_.halves, 11);

  // Rows in reverse, padded to whole panels.
  std::vector<int64_t> row_map() const {
    std::vector<int64_t> map(panels_ * layout_.rows, -1);
    for (int row = 0; row < rows_; ++row) map[row] = rows_ - 1 - row;
    return map;
  }
  std::vector<uint8_t> rows_in_order(const std::vector<int64_t>& map) const {
    std::vector<uint8_t> rows(map.size() * row_bytes_);
    for (size_t i = 0; i < map.size(); ++i)
      if (map[i] >= 0) std::memcpy(&rows[i * row_bytes_], &source_[map[i] * row_bytes_], row_bytes_);
    return rows;
  }
};

TEST_P(EveryLayout, ReadsBackWhatWasPacked) {
  const auto map = row_map();
  std::vector<uint8_t> packed = pack(parts_, layout_, source_, map, blocks_);
  const auto want = layout_.rows == 1 ? rows_in_order(map) : arranged(parts_, rows_in_order(map));
  for (Read how : {Read::one_row, Read::all_rows}) {
    for (bool chunks : {false, true}) {
      std::vector<uint8_t> got(want.size(), 0xee);
      run(unpack_kernel(parts_, layout_, how, chunks), {raw(packed), raw(got)},
          {{"panels", panels_}, {"blocks_per_row", blocks_}});
      EXPECT_EQ(got, want) << (how == Read::one_row ? "a row" : "all rows") << (chunks ? ", chunks" : ", elements");
    }
  }
}

TEST_P(EveryLayout, OneRowPanelsAreRowOrder) {
  std::vector<int64_t> map(rows_);
  for (int row = 0; row < rows_; ++row) map[row] = row;
  EXPECT_EQ(pack(parts_, {1}, source_, map, blocks_), source_);
}

// A whole panel decoded four neighbours at a time equals the rows decoded alone.
TEST_P(EveryLayout, PanelsDecodeToTheSameValues) {
  const Scheme* scheme = find_scheme(GetParam().name);
  if (!scheme) return;
  const auto map = row_map();
  const int columns = blocks_ * scheme->block;
  std::vector<uint8_t> packed = pack(parts_, layout_, source_, map, blocks_), rows = rows_in_order(map);
  std::vector<float> want(map.size() * columns), got(map.size() * columns);
  run(decode_kernel(*scheme), {raw(rows), raw(want)}, {{"rows", panels_ * layout_.rows}, {"columns", columns}});

  const Buffer from = global_buffer("packed", DType::u8), to = global_buffer("values", DType::f32);
  const Expr panel = var("panel"), at = var("block"), row = layout_.rows == 1 ? Expr(0) : ramp(0, 1, layout_.rows);
  const Scheme& kept = layout_.rows > 1 && scheme->in_panels ? *scheme->in_panels : *scheme;
  const ReadField read = read_fields(parts_, layout_, from, panel, row, at, blocks_);
  std::vector<Stmt> stores;
  for (int first = 0; first < scheme->block; first += 4) {
    Axes axes(kept.axes.size());
    int rest = first;
    for (size_t i = axes.size(); i-- > 0; rest /= kept.axes[i]) axes[i] = rest % kept.axes[i];
    const Expr target = (panel * layout_.rows + spread(row, layout_.rows * 4)) * columns + at * scheme->block;
    stores.push_back(store(to, target + broadcast(ramp(first, 1, 4), layout_.rows), decode(kept, read, axes, 4)));
  }
  run({"decode_panels", {{from, Access::read}, {to, Access::write}}, Dim::size("panels"),
       loop("panel", size_expr("panels"), LoopKind::parallel, loop("block", blocks_, LoopKind::serial, block(stores)))},
      {raw(packed), raw(got)}, {{"panels", panels_}});
  EXPECT_EQ(hash_of(got.data(), got.size()), hash_of(want.data(), want.size()));
}

std::vector<Case> cases() {
  std::vector<std::string> names = scheme_names();
  for (const char* plain : {"f32", "f16", "bf16", "i8"}) names.push_back(plain);
  std::vector<Case> all;
  for (const std::string& name : names)
    for (auto [panel_rows, rows] : {std::pair{1, 3}, {2, 5}, {4, 7}, {8, 16}, {16, 19}})
      for (const int word : {4, 8}) all.push_back({name, panel_rows, rows, word});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Quant, EveryLayout, testing::ValuesIn(cases()), [](const auto& info) {
  return fmt::format("{}_by_{}_words_of_{}", info.param.name, info.param.panel_rows, info.param.word);
});

// The order of bytes itself, written out: 2 rows of one q4_0 block each.
TEST(Layout, InterleavesChunksOfFourBytes) {
  std::vector<uint8_t> source(36);
  for (int i = 0; i < 36; ++i) source[i] = static_cast<uint8_t>(i);
  const std::vector<uint8_t> want = {0, 1, 18, 19, 2,  3,  4,  5,  20, 21, 22, 23, 6,  7,  8,  9,  24, 25,
                                     26, 27, 10, 11, 12, 13, 28, 29, 30, 31, 14, 15, 16, 17, 32, 33, 34, 35};
  EXPECT_EQ(pack(storage_of(*find_scheme("q4_0")), {2}, source, {0, 1}, 1), want);
}
TEST(Layout, InterleavesChunksOfEightBytes) {
  std::vector<uint8_t> source(36);
  for (int i = 0; i < 36; ++i) source[i] = static_cast<uint8_t>(i);
  const std::vector<uint8_t> want = {0, 1, 18, 19, 2,  3,  4,  5,  6,  7,  8,  9,  20, 21, 22, 23, 24, 25,
                                     26, 27, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31, 32, 33, 34, 35};
  EXPECT_EQ(pack(storage_of(*find_scheme("q4_0")), {2, 8}, source, {0, 1}, 1), want);
}

TEST(Layout, CountsPaddingInItsBytes) {
  const Storage2D q4_0 = storage_of(*find_scheme("q4_0"));
  EXPECT_EQ(bytes_of(q4_0, {16}, 17, 64).value(), 32 * 2 * 18);
  EXPECT_EQ(bytes_of(q4_0, {1}, 17, 64).value(), 17 * 2 * 18);
  EXPECT_EQ(bytes_of(storage_of(DType::bf16), {8}, 9, 5).value(), 16 * 5 * 2);
}

// What panels are for: a chunk of every row is one contiguous load, and so is one byte of every row.
TEST(Layout, ReadsAPanelWithoutGathers) {
  const Scheme& scheme = *find_scheme("q4_k");
  const Buffer bytes = global_buffer("packed", DType::u8);
  const auto read = read_fields(storage_of(scheme), {16}, bytes, var("panel"), ramp(0, 1, 16), var("block"), 4);
  for (const Expr& value : {read(0, 0, 1), read(2, 5, 1), read(3, 8, 4)}) {
    const std::string text = print(value);
    EXPECT_EQ(text.find("ramp"), std::string::npos) << text;
  }
}

TEST(Widen, TurnsHalvesIntoFloatsWhateverTheCount) {
  for (int64_t count : {1, 15, 16, 4095, 4097, 9000}) {
    std::vector<float> want = inputs();
    want.resize(count);
    std::vector<uint16_t> halves;
    for (float& value : want) value = bf16_to_f32(halves.emplace_back(f32_to_bf16(value)));
    std::vector<float> got(count, -1.0f);
    run(widen_kernel(DType::bf16), {raw(halves), raw(got)}, {{"elements", count}});
    EXPECT_EQ(hash_of(got.data(), count), hash_of(want.data(), count)) << count;
  }
}

}  // namespace
}  // namespace hearth
