// Cost: what a kernel moves and computes, counted from its loops as formulas over the program's sizes.
//
// A profile divides these by measured times. They count what the algorithm needs, not what a machine does:
//  - bytes: each element of a buffer that an index reaches counts once, however often it is read; never more than the buffer has.
//  - dots: 2 for each product of integers by dot4 and dot2. floats: 2 for each fma and each product of bf16 by dot2, 1 for other float
//    arithmetic of a lane; casts, integers and comparisons are free.
//  - A loop whose length depends on data runs `table` times where the program has that size (attention walks the pages of
//    a sequence; inside a prompt's own chunk that is up to twice what is computed), else once; nested ones count together.
//  - Of the two branches of a condition the dearer.
#pragma once

#include <vector>

#include "ir/loop.h"

namespace hearth {

struct Cost {
  Dim bytes = 0, dots = 0, floats = 0;
};

// One for each kernel of the program, in order. A kernel used by several launches counts the buffers of the first.
std::vector<Cost> costs_of(const Program& program);

}  // namespace hearth
