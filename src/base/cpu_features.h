// What this processor can do, in LLVM's names; asked of the processor and the kernel, never of a table of models.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

struct CpuFeatures {
  std::string arch;                // "x86_64", "aarch64"
  std::vector<std::string> names;  // "avx2", "avx512vnni", ...: present and usable (the system saves the registers)

  bool has(std::string_view name) const;
};

CpuFeatures cpu_features();

// Can code of this architecture and these features ("+avx2,+fma,-prefer-256-bit"; what is off asks nothing) run here?
// The error names the first feature that is missing.
Result<Done> cpu_runs(std::string_view arch, std::string_view features);

}  // namespace hearth
