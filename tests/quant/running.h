// Running a kernel through the interpreter over typed vectors.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/interpret.h"
#include "ir/text.h"

namespace hearth {

template <class T>
std::span<std::byte> raw(std::vector<T>& values) {
  return std::as_writable_bytes(std::span<T>(values));
}

// All iterations of a kernel that follows every law.
inline void run(const Kernel& kernel, const std::vector<std::span<std::byte>>& buffers,
                const std::map<std::string, int64_t>& sizes) {
  const Result<Done> lawful = verify(kernel);
  ASSERT_TRUE(lawful.ok()) << lawful.message();
  const Result<Done> done = interpret(kernel, buffers, sizes, 0, kernel.extent.evaluate(sizes).value());
  ASSERT_TRUE(done.ok()) << done.message();
}

}  // namespace hearth
