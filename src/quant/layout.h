// Layout: where the parts of a weight matrix lie; row order (GGUF's own) or panels of rows for vector units.
//
// A panel holds `rows` rows side by side. Within a panel the blocks follow each other along k; within a block the
// fields follow each other; within a field elements come in chunks of `interleave` with all rows' chunks side by side:
//     [panel][block][field][element / interleave][row][element % interleave]
// interleave is 4 for byte fields whose count is a multiple of 4 (what dot4 eats), else 1.
// rows = 1 is exactly GGUF's byte order. Plain element types (f32, f16, bf16) are a block of one field of one element.
// The number of rows is padded with zero bytes to whole panels.
#pragma once

#include "ir/loop.h"
#include "quant/scheme.h"

namespace hearth {

// What a stored weight is made of: blocks with fields. Plain element types and schemes alike.
struct Storage2D {
  std::vector<Field> fields;
  int block = 1;                 // elements
  int block_bytes = 0;
};
Storage2D storage_of(const Scheme& scheme);
Storage2D storage_of(DType plain);

struct Layout {
  int rows = 1;                  // rows a panel
};

int interleave_of(const Field& field);
// Bytes of a matrix [rows, columns] in this layout, padding included.
Dim bytes_of(const Storage2D& storage, const Layout& layout, const Dim& rows, const Dim& columns);
// Reads fields of block `block` (along k) of the row `panel * layout.rows + row` (any i64 Exprs) from `bytes`, a
// global u8 buffer; blocks_per_row = columns / storage.block.
// A read of `lanes` > 1 neighbours begins at a multiple of min(lanes, interleave). `row` may be a vector of R rows: a
// read then gives R*lanes lanes, rows outermost ([row0's neighbours, row1's, ...]), and is one contiguous load when row
// is ramp(first, 1, R) and lanes equals the field's interleave (one byte of an interleaved field: words and a shift).
ReadField read_fields(const Storage2D& storage, const Layout& layout, Buffer bytes, Expr panel, Expr row, Expr block,
                      Expr blocks_per_row);
// The element offset (in elements of the field's type) used by read_fields, for packing.
Expr field_index(const Storage2D& storage, const Layout& layout, int field, Expr element, Expr panel, Expr row,
                 Expr block, Expr blocks_per_row);

}  // namespace hearth
