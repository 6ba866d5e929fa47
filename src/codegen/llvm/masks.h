// Masked memory access in pieces of one register, with what is known of each mask used up before instruction selection.
#pragma once

#include <llvm/IR/PassManager.h>

namespace hearth {

// Wide masks whose parts turn out known are miscompiled by LLVM 19 for AVX2 (a masked load becomes a plain one), so
// selection gets none: each piece is a plain access, nothing, or masked by something unknown.
struct SplitMasks : llvm::PassInfoMixin<SplitMasks> {
  unsigned register_bytes = 16;
  explicit SplitMasks(unsigned bytes) : register_bytes(bytes) {}
  llvm::PreservedAnalyses run(llvm::Function& function, llvm::FunctionAnalysisManager& analyses);
};

}  // namespace hearth
