// Running kernels natively and in the interpreter on the same random bytes, and comparing the bits.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/native_code.h"
#include "codegen/code.h"
#include "ir/interpret.h"
#include "ir/loop.h"

namespace hearth {

using KernelFn = void(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last);
using Memory = std::vector<std::vector<std::byte>>;  // one for each parameter

// A kernel with the iterations and bytes it is tried on.
struct Trial {
  Kernel kernel;
  int64_t iterations = 1;
  std::vector<int64_t> elements;  // of each parameter
};

struct Trials {
  std::vector<SizeDecl> sizes;
  std::vector<int64_t> size_values;
  std::vector<Trial> trials;
};

// "native" first, then the other targets that this machine runs.
std::vector<Target> runnable_targets();

// Random bytes; floats mix ordinary values with extremes of every kind.
Memory random_memory(const Trial& trial, uint32_t seed);

// Every difference as one line; NaNs of a float type are alike. Empty when equal.
std::string difference(const Trial& trial, const Memory& got, const Memory& want);

Program program_of(const Trials& trials);
Memory run_interpreted(const Trials& trials, const Trial& trial, const Memory& memory);
Memory run_native(const NativeCode& code, const Trials& trials, const Trial& trial, const Memory& memory);

// Compiles all trials for each target that runs here and compares every one with the interpreter.
void expect_agreement(const Trials& trials, uint32_t seed = 1);

}  // namespace hearth
