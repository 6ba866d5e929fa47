// The interpreter: the slow truth every code generator is tested against.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/loop.h"

namespace hearth {

// Runs one kernel over iterations [first, last) of its outermost parallel loop. `buffers`: one span of raw bytes for each
// parameter. Every access is checked: outside its buffer is an error naming kernel, buffer, index and size.
Result<Done> interpret(const Kernel& kernel, std::span<const std::span<std::byte>> buffers,
                       const std::map<std::string, int64_t>& sizes, int64_t first, int64_t last);

// Runs a whole program: every launch, all iterations, choosing variants by their guards. `memory`: bytes by buffer name;
// scratch and outputs that are missing are made.
Result<Done> interpret(const Program& program, const std::map<std::string, int64_t>& sizes,
                       std::map<std::string, std::vector<std::byte>>& memory);

}  // namespace hearth
