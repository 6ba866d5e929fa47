// Modules to machine code: the pipeline chosen for quick compilation, and objects in memory.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "targets/target.h"

namespace hearth {

Result<std::unique_ptr<llvm::TargetMachine>> make_machine(const Target& target);
void optimize(llvm::Module& module, llvm::TargetMachine& machine, int register_bytes);
Result<std::vector<std::byte>> make_object(llvm::Module& module, llvm::TargetMachine& machine);

}  // namespace hearth
