// Quantized activations: a row of bytes holding int8 codes, a f32 scale for each 32 of them, and sums that make a weight's
// zero point and offset cheap.
#pragma once

#include "ir/loop.h"

namespace hearth {

inline constexpr int kRowGroup = 32;       // elements that share a scale
// A sum covers as many elements as the weights' groups (16 or 32) and is kept as -8 times it: what an integer dot product
// over codes with zero point 8 starts from, and others after a shift.
inline constexpr int kSumFactor = -8;

struct QuantizedRow {
  int64_t columns = 0;           // a multiple of 32
  int64_t sum_group = kRowGroup; // elements a sum covers

  // Bytes of one row: codes (i8), then scales (f32), then sums (i32).
  int64_t bytes() const { return columns + columns / kRowGroup * 4 + columns / sum_group * 4; }
  // Where things of row `row` lie, in units of their own type.
  Expr code_index(const Expr& row, const Expr& column) const { return row * Expr(bytes()) + column; }
  Expr scale_index(const Expr& row, const Expr& group) const { return row * Expr(bytes() / 4) + Expr(columns / 4) + group; }
  Expr sum_index(const Expr& row, const Expr& group) const {
    return row * Expr(bytes() / 4) + Expr(columns / 4 + columns / kRowGroup) + group;
  }
};

}  // namespace hearth
