// Code: a program's kernels as bytes for a device; emit() picks the code generator by the target's dialect.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "ir/loop.h"
#include "targets/target.h"

namespace hearth {

struct Code {
  std::string target;                    // the target's name
  std::vector<std::byte> bytes;          // CPU: an ELF shared object exporting one symbol per kernel, needing no library
};

// CPU kernels have the C signature
//   void kernel(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last);
// `sizes` in the order of program.sizes; buffers in the kernel's parameter order.
// `threads`: how many kernels are compiled at once. Errors: `codegen: kernel 'k': ...`.
Result<Code> emit(const Program& program, const Target& target, int threads);

}  // namespace hearth
