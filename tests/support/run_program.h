// Running loop programs through the interpreter over made memory, and comparing what they leave behind bit for bit.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "ir/interpret.h"
#include "ir/text.h"

namespace hearth {

using Sizes = std::map<std::string, int64_t>;
using Memory = std::map<std::string, std::vector<std::byte>>;

template <class T>
std::vector<std::byte> as_bytes(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <class T>
std::vector<T> as_values(const std::vector<std::byte>& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

// Where numbers come from: the same seed gives the same numbers on every machine.
class Chance {
 public:
  explicit Chance(uint32_t seed) : engine_(seed) {}
  int64_t below(int64_t n) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(n)); }
  bool once_in(int n) { return below(n) == 0; }
  float uniform() { return static_cast<float>(static_cast<int32_t>(engine_() >> 8) - (1 << 23)) * 0x1p-23f; }  // [-1, 1)
  std::vector<float> floats(int64_t count, float scale = 1) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(uniform() * scale);
    return values;
  }
  std::vector<std::byte> bytes(int64_t count) {
    std::vector<std::byte> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<std::byte>(engine_() >> 11));
    return values;
  }

 private:
  std::mt19937 engine_;
};

// Every buffer of the program filled by chance: floats in [-2, 2), everything else random bytes.
inline Memory random_memory(const Program& program, const Sizes& sizes, Chance& chance) {
  Memory memory;
  for (const ProgramBuffer& buffer : program.buffers) {
    const int64_t elements = buffer.elements.evaluate(sizes).value();
    std::vector<std::byte>& bytes = memory[buffer.name];
    if (buffer.dtype == DType::f32) {
      bytes = as_bytes(chance.floats(elements, 2));
    } else if (buffer.dtype == DType::f16) {
      std::vector<uint16_t> halves;
      for (float value : chance.floats(elements, 2)) halves.push_back(f32_to_f16(value));
      bytes = as_bytes(halves);
    } else {
      bytes = chance.bytes(elements * bytes_of(buffer.dtype));
    }
  }
  return memory;
}

// Runs a program; `memory` holds its inputs before and everything after.
inline void interpret_program(const Program& program, const Sizes& sizes, Memory& memory) {
  const Result<Done> done = interpret(program, sizes, memory);
  ASSERT_TRUE(done.ok()) << done.message() << "\n" << print(program);
}

// The same for a program that must follow every law.
inline void run_program(const Program& program, const Sizes& sizes, Memory& memory) {
  const Result<Done> lawful = verify(program);
  ASSERT_TRUE(lawful.ok()) << lawful.message() << "\n" << print(program);
  interpret_program(program, sizes, memory);
}

// Outputs and states of both programs after a run over the same memory are equal to the bit.
inline void expect_same_results(const Program& a, const Program& b, const Sizes& sizes, const Memory& memory) {
  Memory after_a = memory, after_b = memory;
  run_program(a, sizes, after_a);
  run_program(b, sizes, after_b);
  if (testing::Test::HasFatalFailure()) return;
  int compared = 0;
  for (const ProgramBuffer& buffer : a.buffers) {
    if (buffer.role != Role::output && buffer.role != Role::state) continue;
    ++compared;
    EXPECT_TRUE(after_a[buffer.name] == after_b[buffer.name]) << "'" << buffer.name << "' differs:\n" << print(a) << "\n" << print(b);
  }
  EXPECT_GT(compared, 0) << "a program without results";
}

}  // namespace hearth
