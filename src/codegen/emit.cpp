// emit(): picks the code generator by the target's dialect.
#include "codegen/code.h"
#include "codegen/llvm/emit_cpu.h"

namespace hearth {

Result<Code> emit(const Program& program, const Target& target, int threads) {
  switch (target.dialect) {
    case Dialect::llvm_cpu:
      return emit_cpu(program, target, threads);
  }
  return error("codegen: target '{}': got a dialect no code generator knows", target.name);
}

}  // namespace hearth
