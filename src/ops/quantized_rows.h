// Quantized activations: a row of bytes holding int8 codes, a f32 scale for each 32 of them, and sums that make a weight's
// zero point or offset cheap.
#pragma once

#include "ir/graph.h"
#include "ir/loop.h"

namespace hearth {

inline constexpr int kRowGroup = 32;       // elements that share a scale
inline constexpr int kRunOfPair = 8;       // codes of one row of a pair that lie together
// What the sums of a row are for. codes: i32, -8 times the sum of the codes, what an integer dot product over codes with zero
// point 8 starts from (other zero points after a shift). values: f32, the sum of scale * code, what an offset multiplies.
enum class SumOf { codes, values };
inline constexpr int kSumFactor = -8;

struct QuantizedRow {
  int64_t columns = 0;           // a multiple of 32
  int64_t sum_group = kRowGroup; // elements a sum covers: those of the weights' groups, 16 or 32
  SumOf sum_of = SumOf::codes;
  // 2: rows 2p and 2p + 1 share the place of both: 8 codes of the one, 8 of the other, and so on; scales and sums in turn.
  // The last of an odd number of rows is alone, and as if nothing were shared.
  int together = 1;

  // Bytes of one row: codes (i8), then scales (f32), then sums (i32 or f32).
  int64_t bytes() const { return columns + columns / kRowGroup * 4 + columns / sum_group * 4; }
  // Where things of row `row` lie, in units of their own type. `rows` 2: of pair `row`, those of its first row.
  Expr code_index(const Expr& row, const Expr& column, int rows = 1) const {
    return row * Expr(rows * bytes()) + column * Expr(rows);
  }
  Expr scale_index(const Expr& row, const Expr& group, int rows = 1) const {
    return row * Expr(rows * bytes() / 4) + Expr(rows * columns / 4) + group * Expr(rows);
  }
  Expr sum_index(const Expr& row, const Expr& group, int rows = 1) const {
    return row * Expr(rows * bytes() / 4) + Expr(rows * (columns / 4 + columns / kRowGroup)) + group * Expr(rows);
  }
};

// The layout that the attributes of quantize_rows and matmul_int describe.
inline QuantizedRow quantized_row(const Node& node, int64_t columns) {
  return {columns, node.integer("sum_group", kRowGroup), node.integer("sum_values") == 1 ? SumOf::values : SumOf::codes,
          static_cast<int>(node.integer("together", 1))};
}

}  // namespace hearth
