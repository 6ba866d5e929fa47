// One module a kernel, compiled several at once, linked in the program's order: the same program gives the same bytes.
#include "codegen/llvm/emit_cpu.h"

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <thread>

#include "base/check.h"
#include "codegen/llvm/link.h"
#include "codegen/llvm/lower.h"
#include "codegen/llvm/object.h"

namespace hearth {
namespace {

using Object = std::vector<std::byte>;

bool same_memory(const Program& program, const std::string& a, const std::string& b) {
  if (a == b) return true;
  const ProgramBuffer *left = program.find_buffer(a), *right = program.find_buffer(b);
  return left && right && left->offset >= 0 && left->offset == right->offset;
}

// Parameters that some launch gives the memory of another parameter, too.
std::set<size_t> shared_params(const Program& program, const Kernel& kernel) {
  std::set<size_t> shared;
  for (const Launch& launch : program.launches) {
    const auto chosen = [&](const Variant& variant) { return variant.kernel == kernel.name; };
    if (std::none_of(launch.variants.begin(), launch.variants.end(), chosen)) continue;
    for (size_t i = 0; i < launch.buffers.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (same_memory(program, launch.buffers[i], launch.buffers[j])) shared.insert({i, j});
  }
  return shared;
}

void verify_module(const llvm::Module& module, const std::string& kernel) {
  std::string why;
  llvm::raw_string_ostream out(why);
  CHECK(!llvm::verifyModule(module, &out), "kernel '{}': LLVM refuses its module: {}", kernel, out.str());
}

Result<Object> compile(const Program& program, const Kernel& kernel, const Target& target,
                       llvm::TargetMachine& machine) {
  const KernelFacts facts{program.sizes, shared_params(program, kernel)};
  TRY_DONE(check_for_cpu(kernel, facts));
  llvm::LLVMContext context;
  llvm::Module module(kernel.name, context);
  module.setTargetTriple(target.triple);
  module.setDataLayout(machine.createDataLayout());
  lower_kernel(module, kernel, facts, target);
  verify_module(module, kernel.name);
  optimize(module, machine, target.vector_bytes);
  return make_object(module, machine);
}

}  // namespace

Result<Code> emit_cpu(const Program& program, const Target& target, int threads) {
  const size_t count = program.kernels.size();
  if (count == 0) return error("codegen: got a program without kernels, want at least one");
  std::vector<std::optional<Result<Object>>> results(count);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    auto machine = make_machine(target);
    for (size_t i; (i = next++) < count;) {
      if (machine.ok())
        results[i] = compile(program, program.kernels[i], target, **machine);
      else
        results[i] = machine.failure();
    }
  };
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < std::min(count, static_cast<size_t>(std::max(threads, 1))); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  std::vector<Object> objects;
  for (auto& result : results) {
    TRY(Object object, std::move(*result));
    objects.push_back(std::move(object));
  }
  TRY(Object image, link_shared(objects));
  return Code{target.name, std::move(image)};
}

}  // namespace hearth
