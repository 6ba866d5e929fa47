// Quantized activations: a row of bytes holding int8 codes, a f32 scale for each 32 of them, and the i32 sum of each 16.
#pragma once

#include "ir/loop.h"

namespace hearth {

inline constexpr int kRowGroup = 32;       // elements that share a scale
inline constexpr int kSumGroup = 16;       // elements a sum covers; sums make a weight's zero point and offset cheap

// Bytes of one row of `columns` elements (a multiple of 32): codes, then scales, then sums.
inline int64_t quantized_row_bytes(int64_t columns) { return columns + columns / kRowGroup * 4 + columns / kSumGroup * 4; }

// Where things lie, in units of their own type, for row `row`.
inline Expr code_index(int64_t columns, const Expr& row, const Expr& column) {
  return row * Expr(quantized_row_bytes(columns)) + column;
}
inline Expr scale_index(int64_t columns, const Expr& row, const Expr& group) {
  return row * Expr(quantized_row_bytes(columns) / 4) + Expr(columns / 4) + group;
}
inline Expr sum_index(int64_t columns, const Expr& row, const Expr& group) {
  return row * Expr(quantized_row_bytes(columns) / 4) + Expr(columns / 4 + columns / kRowGroup) + group;
}

}  // namespace hearth
