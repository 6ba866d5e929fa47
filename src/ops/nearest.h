// Nearest integers without a conversion: adding 1.5 * 2^23 to a number below 2^22 leaves its nearest integer in the low bits.
#pragma once

#include "ir/loop.h"

namespace hearth {

inline constexpr int64_t kNearestBits = 0x4B400000;  // the bits of 1.5 * 2^23, which stand for 0

// round_even(value * factor) + kNearestBits, as bits: f32 -> u32, lane by lane. The product is not rounded before. NaN and infinity
// times 0 have 0 in their low bits.
inline Expr nearest_bits(const Expr& value, const Expr& factor) {
  const Type type = value->type;
  return bitcast({DType::u32, type.lanes}, fma(value, factor, constant(type, 12582912.0)));
}

}  // namespace hearth
