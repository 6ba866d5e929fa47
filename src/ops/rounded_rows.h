// Rounded activations: rows of bf16 with room between them.
#pragma once

#include <cstdint>

namespace hearth {

// Elements from row to row: rows whose distance is a power of two would meet in the same few lines of a cache.
inline int64_t rounded_row_elements(int64_t columns) { return columns + 32; }

}  // namespace hearth
