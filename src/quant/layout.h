// Layout: where the parts of a weight matrix lie; row order (GGUF's own) or panels of rows for vector units.
//
// A panel holds `rows` rows side by side. Within a panel the blocks follow each other along k; within a block the
// fields follow each other; within a field elements come in chunks of `interleave` with all rows' chunks side by side:
//     [panel][block][field][element / interleave][row][element % interleave]
// interleave is Layout::word for byte fields whose count is a multiple of it (what dot4 eats: 4, or 8 for tiles of bytes), else 4
// where it is a multiple of 4; 2 for pairs of bf16 (what dot2 eats); else 1.
// Fields cut in slices (Field::slices) come last, slice by slice: [fields in one piece][slice][a slice of each field].
// rows = 1 is exactly GGUF's byte order; panels keep a block as the scheme's form for panels says, if it has one. Plain
// element types (f32, f16, bf16) are a block of one field of one element, or of two that lie together. The number of rows is padded with zero bytes
// to whole panels.
#pragma once

#include "ir/loop.h"
#include "quant/scheme.h"

namespace hearth {

// What a stored weight is made of: blocks with fields. Plain element types and schemes alike.
struct Storage2D {
  std::vector<Field> fields;
  int block = 1;                 // elements
  int block_bytes = 0;
  std::vector<Field> panel_fields;                          // what panels keep instead of `fields`; empty: the same
  std::function<Stmt(Buffer rows, Buffer panels)> arrange;  // one block of `fields` -> one of `panel_fields`
};
Storage2D storage_of(const Scheme& scheme);
Storage2D storage_of(DType plain, int together = 1);   // neighbours of a row that make a block: 1, or 2 bf16

struct Layout {
  int rows = 1;                  // rows a panel
  int word = 4;                  // bytes of a row that lie together: 4 or 8
};

const std::vector<Field>& fields_of(const Storage2D& storage, const Layout& layout);
int interleave_of(const Field& field, const Layout& layout);
// The pieces of a block in the order of its bytes.
struct Piece {
  int field = 0, offset = 0, elements = 0;  // offset in bytes of one row
};
std::vector<Piece> pieces_of(const std::vector<Field>& fields);
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
