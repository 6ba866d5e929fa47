// Where the parts of a weight matrix lie: index formulas, and reads shaped so that a panel's rows come as one vector.
#include "quant/layout.h"

#include "base/check.h"
#include "quant/formula.h"

namespace hearth {
namespace {

int offset_of(const Storage2D& storage, int field) {
  int offset = 0;
  for (int i = 0; i < field; ++i) offset += bytes_of(storage.fields[i].dtype) * storage.fields[i].count;
  return offset;
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

Storage2D storage_of(const Scheme& scheme) { return {scheme.fields, scheme.block, scheme.block_bytes()}; }

Storage2D storage_of(DType plain) { return {{{std::string(name_of(plain)), plain, 1}}, 1, bytes_of(plain)}; }

int interleave_of(const Field& field) { return bytes_of(field.dtype) == 1 && field.count % 4 == 0 ? 4 : 1; }

Dim bytes_of(const Storage2D& storage, const Layout& layout, const Dim& rows, const Dim& columns) {
  const Dim padded = layout.rows == 1 ? rows : ceil_div(rows, layout.rows) * layout.rows;
  return padded * (columns / storage.block * storage.block_bytes);
}

Expr field_index(const Storage2D& storage, const Layout& layout, int field, Expr element, Expr panel, Expr row,
                 Expr block, Expr blocks_per_row) {
  const Field& what = storage.fields[field];
  const int size = bytes_of(what.dtype), step = interleave_of(what), offset = offset_of(storage, field);
  CHECK(storage.block_bytes % size == 0 && offset % size == 0, "field '{}' is not aligned to {}", what.name, size);
  const int block_step = layout.rows * (storage.block_bytes / size);
  if (layout.rows == 1) return ((panel + row) * blocks_per_row + block) * block_step + (element + offset / size);
  const Expr start = (panel * blocks_per_row + block) * block_step;
  const Expr chunk = element / step * (layout.rows * step) + element % step;
  return start + (row * step + (chunk + layout.rows * offset / size));
}

ReadField read_fields(const Storage2D& storage, const Layout& layout, Buffer bytes, Expr panel, Expr row, Expr block,
                      Expr blocks_per_row) {
  return [=](int field, Expr index, int lanes) -> Expr {
    const Field& what = storage.fields[field];
    const int step = interleave_of(what), rows = row->type.lanes;
    auto at = [&](Expr element, Expr of_row) {
      return field_index(storage, layout, field, element, panel, of_row, block, blocks_per_row);
    };
    if (rows == 1 && (layout.rows == 1 || lanes == 1 || step % lanes == 0))       // neighbours in memory
      return load_as({what.dtype, lanes}, bytes, at(index, row));
    const Type type{what.dtype, rows * lanes};
    if (layout.rows > 1 && is_neighbours(row)) {
      const Expr first = row->args[0];
      if (lanes == step) return load_as(type, bytes, at(index, first));
      const int start = layout.rows * offset_of(storage, field), block_step = layout.rows * storage.block_bytes;
      if (lanes == 1 && step == 4 && start % 4 == 0 && block_step % 4 == 0) {
        const Expr of_block = (panel * blocks_per_row + block) * (block_step / 4) + first;
        return read_bytes_by_words(what, bytes, of_block + (index / 4 * layout.rows + start / 4), index, rows);
      }
    }
    const Expr elements = lanes == 1 ? index : ramp(index, 1, lanes);              // a gather: rows outermost
    return load_as(type, bytes, at(broadcast(elements, rows), spread(row, rows * lanes)));
  };
}

}  // namespace hearth
