// own_columns: which columns of a buffer's rows belong to one iteration of a kernel's parallel loop.
#pragma once

#include <cstdint>

#include "ir/loop.h"

namespace hearth {

// The buffer seen as rows of width * extent columns, `extent` being the parallel loop's: the width, if iteration i touches
// columns i * width .. i * width + width - 1 alone, of any row. 0 if that cannot be told, or if nothing is touched.
int64_t own_columns(const Stmt& parallel, const Buffer& buffer);

}  // namespace hearth
