// Trials: random memory, both ways to run, and what differs.
#include "native_run.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace hearth {
namespace {

constexpr int kGuardBytes = 128;  // behind each buffer: a native kernel must leave them alone

float random_float(std::mt19937& random) {
  switch (random() % 8) {
    case 0:
      return std::bit_cast<float>(static_cast<uint32_t>(random()));
    case 1:
      return static_cast<float>(static_cast<int>(random() % 65) - 32) * 0.5f;
    case 2:
      return static_cast<float>(std::ldexp(1.0, static_cast<int>(random() % 80) - 40));
    case 3: {
      constexpr float kSpecial[] = {0.0f,     -0.0f, INFINITY, -INFINITY, NAN,
                                    65504.0f, 3e9f,  -3e9f,    1e-40f,    2147483648.0f};
      return kSpecial[random() % std::size(kSpecial)];
    }
    default:
      return static_cast<float>(static_cast<int32_t>(random())) * 0x1p-28f;
  }
}

void write_random(std::mt19937& random, DType dtype, std::byte* out) {
  const float value = random_float(random);
  const uint16_t half = dtype == DType::bf16 ? f32_to_bf16(value) : f32_to_f16(value);
  const double wide = value;
  const uint64_t bits = (static_cast<uint64_t>(random()) << 32 | random()) >> (random() % 4 == 0 ? random() % 64 : 0);
  const uint8_t boolean = random() & 1;
  const void* from = dtype == DType::f32                           ? static_cast<const void*>(&value)
                     : dtype == DType::f16 || dtype == DType::bf16 ? static_cast<const void*>(&half)
                     : dtype == DType::f64                         ? static_cast<const void*>(&wide)
                     : dtype == DType::boolean                     ? static_cast<const void*>(&boolean)
                                                                   : static_cast<const void*>(&bits);
  std::memcpy(out, from, static_cast<size_t>(bytes_of(dtype)));
}

bool is_nan(DType dtype, const std::byte* at) {
  uint64_t bits = 0;
  std::memcpy(&bits, at, static_cast<size_t>(bytes_of(dtype)));
  switch (dtype) {
    case DType::f16:
      return (bits & 0x7fff) > 0x7c00;
    case DType::bf16:
      return (bits & 0x7fff) > 0x7f80;
    case DType::f32:
      return (bits & 0x7fffffff) > 0x7f800000;
    case DType::f64:
      return (bits & 0x7fffffffffffffff) > 0x7ff0000000000000;
    default:
      return false;
  }
}

std::string hex(const std::byte* at, int bytes) {
  uint64_t bits = 0;
  std::memcpy(&bits, at, static_cast<size_t>(bytes));
  return fmt::format("{:#x}", bits);
}

}  // namespace

std::vector<Target> runnable_targets() {
  std::vector<Target> targets;
  for (const std::string& name : target_names()) {
    const auto target = find_target(name);
    if (!target.ok() || !runs_here(*target).ok()) continue;
    const bool is_native = !targets.empty() && (targets[0].name + "+").starts_with(name + "+");
    if (!is_native) targets.push_back(*target);
  }
  return targets;
}

Memory random_memory(const Trial& trial, uint32_t seed) {
  std::mt19937 random(seed);
  Memory memory;
  for (size_t i = 0; i < trial.elements.size(); ++i) {
    const DType dtype = trial.kernel.params[i].buffer->dtype;
    const size_t width = static_cast<size_t>(bytes_of(dtype));
    std::vector<std::byte> bytes(static_cast<size_t>(trial.elements[i]) * width);
    for (size_t at = 0; at < bytes.size(); at += width) write_random(random, dtype, &bytes[at]);
    memory.push_back(std::move(bytes));
  }
  return memory;
}

std::string difference(const Trial& trial, const Memory& got, const Memory& want) {
  for (size_t i = 0; i < want.size(); ++i) {
    const BufferNode& buffer = *trial.kernel.params[i].buffer;
    const int width = bytes_of(buffer.dtype);
    for (size_t at = 0; at < want[i].size(); at += static_cast<size_t>(width)) {
      const std::byte *mine = &got[i][at], *truth = &want[i][at];
      if (std::memcmp(mine, truth, static_cast<size_t>(width)) == 0) continue;
      if (is_nan(buffer.dtype, mine) && is_nan(buffer.dtype, truth)) continue;
      return fmt::format("kernel '{}': {}[{}]: got {}, want {}", trial.kernel.name, buffer.name,
                         at / static_cast<size_t>(width), hex(mine, width), hex(truth, width));
    }
  }
  return "";
}

Program program_of(const Trials& trials) {
  Program program;
  program.sizes = trials.sizes;
  for (const Trial& trial : trials.trials) program.kernels.push_back(trial.kernel);
  return program;
}

Memory run_interpreted(const Trials& trials, const Trial& trial, const Memory& memory) {
  Memory result = memory;
  std::vector<std::span<std::byte>> spans(result.begin(), result.end());
  std::map<std::string, int64_t> sizes;
  for (size_t i = 0; i < trials.sizes.size(); ++i) sizes[trials.sizes[i].name] = trials.size_values[i];
  const auto done = interpret(trial.kernel, spans, sizes, 0, trial.iterations);
  EXPECT_TRUE(done.ok()) << done.message();
  return result;
}

Memory run_native(const NativeCode& code, const Trials& trials, const Trial& trial, const Memory& memory) {
  Memory result = memory;
  std::vector<void*> pointers;
  for (auto& bytes : result) {
    bytes.insert(bytes.end(), kGuardBytes, std::byte{0x5a});
    pointers.push_back(bytes.data());
  }
  KernelFn* kernel = code.find_as<KernelFn>(trial.kernel.name);
  EXPECT_NE(kernel, nullptr) << trial.kernel.name;
  if (!kernel) return memory;
  const int64_t middle = trial.iterations / 3;  // as two threads would
  kernel(pointers.data(), trials.size_values.data(), middle, trial.iterations);
  kernel(pointers.data(), trials.size_values.data(), 0, middle);
  for (auto& bytes : result) {
    for (size_t i = bytes.size() - kGuardBytes; i < bytes.size(); ++i)
      EXPECT_EQ(bytes[i], std::byte{0x5a}) << trial.kernel.name << " wrote past a buffer's end";
    bytes.resize(bytes.size() - kGuardBytes);
  }
  return result;
}

void expect_agreement(const Trials& trials, uint32_t seed) {
  std::vector<Memory> before, truth;
  for (const Trial& trial : trials.trials) {
    before.push_back(random_memory(trial, seed++));
    truth.push_back(run_interpreted(trials, trial, before.back()));
  }
  const std::vector<Target> targets = runnable_targets();
  if (targets.empty()) GTEST_SKIP() << "no target of the set runs on this machine";
  for (const Target& target : targets) {
    const auto code = emit(program_of(trials), target, 2);
    ASSERT_TRUE(code.ok()) << code.message();
    const auto native = NativeCode::load(code->bytes);
    ASSERT_TRUE(native.ok()) << native.message();
    int wrong = 0;
    for (size_t i = 0; i < trials.trials.size() && wrong < 10; ++i) {
      const std::string found =
          difference(trials.trials[i], run_native(*native, trials, trials.trials[i], before[i]), truth[i]);
      if (!found.empty()) ++wrong;
      EXPECT_EQ(found, "") << "on " << target.name << ", seed " << seed;
    }
  }
}

}  // namespace hearth
