// CPU code through LLVM: kernels -> modules -> objects, several at once -> one shared object.
#pragma once

#include "codegen/code.h"

namespace hearth {

Result<Code> emit_cpu(const Program& program, const Target& target, int threads);

}  // namespace hearth
