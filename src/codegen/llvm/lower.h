// Lowering: one kernel of loop IR becomes one LLVM function with the kernel signature of code.h.
#pragma once

#include <llvm/IR/Module.h>

#include <set>

#include "ir/loop.h"
#include "targets/target.h"

namespace hearth {

// What a kernel may assume of its launches.
struct KernelFacts {
  std::vector<SizeDecl> sizes;     // in the order of the `sizes` array
  std::set<size_t> shared_params;  // parameters whose memory another parameter may touch
};

// What a CPU cannot run, named: GPU axes, barriers, library calls, functions that a pass should have expanded.
Result<Done> check_for_cpu(const Kernel& kernel, const KernelFacts& facts);

// CHECKs what check_for_cpu promises.
void lower_kernel(llvm::Module& module, const Kernel& kernel, const KernelFacts& facts, const Target& target);

}  // namespace hearth
