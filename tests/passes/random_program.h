// Small loop programs made by chance, in the shapes that loop passes know: rows of vector loops, and panels of lanes over rows.
#pragma once

#include "ir/loop.h"
#include "tests/support/run_program.h"

namespace hearth {

// Size n in [1, 40]; kernels read the buffer before theirs and weights, write their own; the last is the output. Every law holds.
Program random_program(Chance& chance);

}  // namespace hearth
