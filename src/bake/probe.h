// Probe: what this machine gives at this moment: bytes read, byte dot products and float multiply-adds a second.
//
// The loops are programs of our own, compiled by the same code generator as a model's kernels: a probe knows no
// instruction that they could not use. Rates are those of all threads together, the median of short slices.
#pragma once

#include "base/result.h"
#include "targets/target.h"

namespace hearth {

struct Probe {
  int threads = 1;
  double read_bytes = 0;         // a second, from memory that no cache holds
  double dots = 0;               // operations a second of dot4: 2 for each product
  double floats = 0;             // operations a second of f32 fma: 2 for each
};

// Takes about a third of a second and 256 MiB. `threads` 0: all. `target` must run here.
Result<Probe> probe_machine(const Target& target, int threads);

}  // namespace hearth
