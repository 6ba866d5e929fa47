// Searches for good scales of the k-quants: GGUF's reference algorithms step by step, all groups of a block at once.
//
// The reference sums over a group's values in order. Here each vector lane is one group, so lanes are summed in that
// same order and results agree bit for bit while all lanes work.
#pragma once

#include "ir/loop.h"

namespace hearth {

// value ~ scale * code - min, code in [0, code_max], weighted by |x| + root of the mean square.
struct AffineSearch {
  int code_max = 15;
  float first_step = -1.0f;      // tried: code_max + first_step + 0.1 * i codes over the range, i = 0..last_step
  int last_step = 20;
};
// Results for each group, f32 [groups]. Codes that belong to them: clamp(nearest_int(code_scale * (x - code_low))).
struct AffineFit {
  Buffer scale, min, code_scale, code_low;
};
Stmt fit_affine(const AffineSearch& search, Buffer values, int groups, int group, const AffineFit& fit);

// value ~ scale * code, code in [-code_bound, code_bound - 1], weighted by x^2. A group below 1e-15 gets scale 0.
struct SymmetricFit {
  Buffer scale, code_scale;      // f32 [groups]; codes: clamp(nearest_int(code_scale * x))
};
Stmt fit_symmetric(int code_bound, Buffer values, int groups, int group, const SymmetricFit& fit);

}  // namespace hearth
