// share_kernels: kernels that differ only in name -> one. Layers of a model compute the same, on other buffers.
#include <map>

#include "ir/text.h"
#include "passes/pass.h"

namespace hearth {

Program share_kernels(const Program& program, const Target&) {
  Program result = program;
  result.kernels.clear();
  std::map<std::string, std::string> by_text, new_name;
  for (const Kernel& kernel : program.kernels) {
    Kernel unnamed = kernel;
    unnamed.name = std::string("k");
    const auto [kept, fresh] = by_text.try_emplace(print(unnamed), kernel.name);
    if (fresh) result.kernels.push_back(kernel);
    new_name[kernel.name] = kept->second;
  }
  for (Launch& launch : result.launches)
    for (Variant& variant : launch.variants) variant.kernel = new_name[variant.kernel];
  return result;
}

}  // namespace hearth
