// Rows as 14-bit integers for products with 16-bit weights: i16 codes, then an f32 scale for each 32 of them.
#pragma once

#include "ir/loop.h"

namespace hearth {

inline constexpr int kGroupI16 = 32;   // elements that share a scale
inline constexpr int kPeakI16 = 8191;  // the largest code: 32 products of two such codes stay below 2^31

// What counts as zeros, of rows and of weights, so that the product of two scales is always a normal number.
inline constexpr double kLeastPeakI16 = 0x1p-50;
inline constexpr int kLeastExponentI16 = 127 - 50;

struct RowI16 {
  int64_t columns = 0;  // a multiple of 32

  int64_t bytes() const { return columns * 2 + columns / kGroupI16 * 4; }
  // Where things of row `row` lie, in units of their own type.
  Expr code_index(const Expr& row, const Expr& column) const { return row * Expr(bytes() / 2) + column; }
  Expr scale_index(const Expr& row, const Expr& group) const {
    return row * Expr(bytes() / 4) + Expr(columns / 2) + group;
  }
};

}  // namespace hearth
