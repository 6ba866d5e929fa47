// Where the parts of a weight matrix lie: index formulas, and reads shaped so that a panel's rows come as one vector.
#include "quant/layout.h"

#include <algorithm>

#include "base/check.h"
#include "quant/formula.h"

namespace hearth {
namespace {

// Where elements of a field lie: `offset` bytes from the block's start, the next slice `stride` bytes on.
struct Place {
  int offset = 0, stride = 0, elements = 0;  // elements a slice
};

Place place_of(const std::vector<Field>& fields, int field) {
  Place place{0, 0, fields[field].count / fields[field].slices};
  const bool sliced = fields[field].slices > 1;
  for (int i = 0; i < static_cast<int>(fields.size()); ++i) {
    const int bytes = bytes_of(fields[i].dtype) * fields[i].count / fields[i].slices;
    if (fields[i].slices == 1 ? (sliced || i < field) : (sliced && i < field)) place.offset += bytes;
    if (fields[i].slices > 1) place.stride += bytes;
  }
  return place;
}

// Byte offset of a chunk of one field in a block of a whole panel, over `unit` bytes.
Expr chunk_offset(const Place& place, const Field& what, const Layout& layout, const Expr& element, int unit) {
  const int step = interleave_of(what, layout), size = bytes_of(what.dtype);
  const int chunk = layout.rows * step * size / unit, start = layout.rows * place.offset / unit;
  if (what.slices == 1) return element / step * chunk + start;
  const int stride = layout.rows * place.stride / unit;
  return element / place.elements * stride + (element % place.elements / step * chunk + start);
}

// A row index that names `lanes` neighbours from `first` on: ramp(first, 1, lanes).
bool is_neighbours(const Expr& row) {
  return row->kind == ExprKind::ramp && known(row->args[1]) == 1;
}

// The byte at `element` (interleaved by 4) of neighbouring rows: whole words are read side by side, one byte kept.
Expr read_bytes_by_words(const Field& field, Buffer bytes, Expr word, Expr element, int rows) {
  const Expr words = load_as({DType::u32, rows}, bytes, word);
  const Expr byte = cast(DType::u8, shift_right(words, (element % 4) * 8) & 255);
  return bitcast({field.dtype, rows}, byte);
}

}  // namespace

Storage2D storage_of(const Scheme& scheme) {
  Storage2D storage{scheme.fields, scheme.block, scheme.block_bytes(), {}, {}};
  if (!scheme.in_panels) return storage;
  storage.panel_fields = scheme.in_panels->fields;
  storage.arrange = scheme.arrange;
  return storage;
}

Storage2D storage_of(DType plain, int together) {
  CHECK(together == 1 || (together == 2 && plain == DType::bf16), "{} of {} together", together, name_of(plain));
  return {{{std::string(name_of(plain)), plain, together}}, together, together * bytes_of(plain), {}, {}};
}

const std::vector<Field>& fields_of(const Storage2D& storage, const Layout& layout) {
  return layout.rows == 1 || storage.panel_fields.empty() ? storage.fields : storage.panel_fields;
}

int interleave_of(const Field& field, const Layout& layout) {
  if (field.dtype == DType::bf16 && field.count == 2) return 2;
  const int run = bytes_of(field.dtype) == 1 ? field.count / field.slices : 1;
  return run % layout.word == 0 ? layout.word : run % 4 == 0 ? 4 : 1;
}

std::vector<Piece> pieces_of(const std::vector<Field>& fields) {
  std::vector<Piece> pieces;
  for (int i = 0; i < static_cast<int>(fields.size()); ++i) {
    const Place place = place_of(fields, i);
    for (int slice = 0; slice < fields[i].slices; ++slice)
      pieces.push_back({i, place.offset + slice * place.stride, place.elements});
  }
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.offset < b.offset; });
  return pieces;
}

Dim bytes_of(const Storage2D& storage, const Layout& layout, const Dim& rows, const Dim& columns) {
  const Dim padded = layout.rows == 1 ? rows : ceil_div(rows, layout.rows) * layout.rows;
  return padded * (columns / storage.block * storage.block_bytes);
}

Expr field_index(const Storage2D& storage, const Layout& layout, int field, Expr element, Expr panel, Expr row,
                 Expr block, Expr blocks_per_row) {
  const Field& what = fields_of(storage, layout)[field];
  const Place place = place_of(fields_of(storage, layout), field);
  const int size = bytes_of(what.dtype), step = interleave_of(what, layout);
  CHECK(storage.block_bytes % size == 0 && place.offset % size == 0, "field '{}' is not aligned to {}", what.name,
        size);
  const int block_step = layout.rows * (storage.block_bytes / size);
  if (layout.rows == 1) return ((panel + row) * blocks_per_row + block) * block_step + (element + place.offset / size);
  const Expr start = (panel * blocks_per_row + block) * block_step;
  return start + (row * step + (chunk_offset(place, what, layout, element, size) + element % step));
}

ReadField read_fields(const Storage2D& storage, const Layout& layout, Buffer bytes, Expr panel, Expr row, Expr block,
                      Expr blocks_per_row) {
  return [=](int field, Expr index, int lanes) -> Expr {
    const Field& what = fields_of(storage, layout)[field];
    const int step = interleave_of(what, layout), rows = row->type.lanes;
    auto at = [&](Expr element, Expr of_row) {
      return field_index(storage, layout, field, element, panel, of_row, block, blocks_per_row);
    };
    if (rows == 1 && (layout.rows == 1 || lanes == 1 || step % lanes == 0))       // neighbours in memory
      return load_as({what.dtype, lanes}, bytes, at(index, row));
    const Type type{what.dtype, rows * lanes};
    if (layout.rows > 1 && is_neighbours(row)) {
      const Expr first = row->args[0];
      if (lanes == step) return load_as(type, bytes, at(index, first));
      const Place place = place_of(fields_of(storage, layout), field);
      const int block_step = layout.rows * storage.block_bytes;
      if (lanes == 1 && step == 4 && layout.rows * place.offset % 4 == 0 && layout.rows * place.stride % 4 == 0 &&
          block_step % 4 == 0) {
        const Expr of_block = (panel * blocks_per_row + block) * (block_step / 4) + first;
        return read_bytes_by_words(what, bytes, of_block + chunk_offset(place, what, layout, index, 4), index, rows);
      }
    }
    const Expr elements = lanes == 1 ? index : ramp(index, 1, lanes);              // a gather: rows outermost
    return load_as(type, bytes, at(broadcast(elements, rows), spread(row, rows * lanes)));
  };
}

}  // namespace hearth
