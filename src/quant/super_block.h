// What q4_k and q5_k share: 8 groups of 32 under one pair of f16 (d, dmin), 6-bit scales and mins packed in 12 bytes.
//     value = d * scale(group) * code - dmin * min(group)
#pragma once

#include "quant/scheme.h"
#include "quant/search.h"

namespace hearth {

inline constexpr int kSuperBlock = 256, kSuperGroups = 8, kSuperGroup = 32;
enum SuperField { kSuperD, kSuperDmin, kSuperScales };   // the first fields of both, in this order
inline constexpr int kSuperScalesAt = 4;                 // bytes

// Number of the group, 0..7, from the axes {4, 2, 32}.
Expr group_of(const Axes& at);
Expr super_scale(const ReadField& read, const Axes& at);
Expr super_offset(const ReadField& read, const Axes& at);

// Writes d, dmin and scales into `bytes` and the codes of all values, in order of k, into `codes` (local u8 [256]).
Stmt encode_super_block(const AffineSearch& search, Buffer values, Buffer bytes, Buffer codes);
// Writes the low four bits of the codes: 4 runs of 32 bytes, the first 32 codes of 64 in the low nibbles.
Stmt pack_low_nibbles(Buffer codes, Buffer bytes, int at);

}  // namespace hearth
