// KV pages: 16 positions each; where an element of a key or a value lies in its state.
//
// Keys:   [page][head][d][slot]   so that 16 scores are computed side by side
// Values: [page][head][slot][d]   so that a row of output is summed side by side
#pragma once

#include "ir/loop.h"

namespace hearth {

inline constexpr int kPageTokens = 16;

inline Expr key_index(const Expr& page, const Expr& head, const Expr& slot, const Expr& d, int64_t heads, int64_t size) {
  return ((page * Expr(heads) + head) * Expr(size) + d) * Expr(kPageTokens) + slot;
}
inline Expr value_index(const Expr& page, const Expr& head, const Expr& slot, const Expr& d, int64_t heads, int64_t size) {
  return ((page * Expr(heads) + head) * Expr(kPageTokens) + slot) * Expr(size) + d;
}

}  // namespace hearth
