// Devices: memory, code and launches on the CPU with real machine code, and the null device.
#include "runtime/device.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>

namespace hearth {
namespace {

const std::vector<std::string> kSymbols = {"shift", "shift_whole", "nothing"};
enum { kShift, kShiftWhole, kNothing };

std::unique_ptr<Device> cpu(int threads) {
  auto device = open_device("cpu", {.threads = threads});
  EXPECT_TRUE(device.ok()) << (device ? "" : device.message());
  const auto code = read_file(HEARTH_TEST_KERNELS);
  EXPECT_TRUE(code.ok()) << (code ? "" : code.message());
  const auto loaded = (*device)->load_code(as_bytes(*code), kSymbols);
  EXPECT_TRUE(loaded.ok()) << (loaded ? "" : loaded.message());
  return std::move(*device);
}

TEST(Device, NamesAndErrors) {
  EXPECT_EQ(device_names(), (std::vector<std::string>{"cpu", "null"}));
  const auto none = open_device("gpu", {});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.message(), "device: got 'gpu', want one of: cpu, null");
  EXPECT_FALSE(open_device("cpu", {.threads = -1}).ok());
  EXPECT_FALSE(open_device("cpu", {.threads = 100000}).ok());
  EXPECT_GE((*open_device("cpu", {}))->describe()["threads"].get<int>(), 1);
}

TEST(Device, MemoryIsZeroedAlignedAndChecked) {
  for (const std::string& name : device_names()) {
    const auto device = open_device(name, {.threads = 1});
    for (uint64_t bytes : {uint64_t{1}, uint64_t{100}, uint64_t{5} << 20}) {
      const auto memory = (*device)->allocate(bytes);
      ASSERT_TRUE(memory.ok()) << memory.message();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->address) % 64, 0u);
      std::byte last{1};
      ASSERT_TRUE((*device)->download(*memory, bytes - 1, {&last, 1}).ok());
      EXPECT_EQ(last, std::byte{0});
      EXPECT_FALSE((*device)->upload(*memory, bytes, {&last, 1}).ok());
      EXPECT_FALSE((*device)->download(*memory, UINT64_MAX, {&last, 1}).ok());
      (*device)->free(*memory);
    }
    EXPECT_TRUE((*device)->allocate(0).ok());
    EXPECT_FALSE((*device)->allocate(UINT64_MAX).ok());
    EXPECT_FALSE((*device)->allocate(uint64_t{1} << 60).ok());
  }
}

TEST(Device, CpuRefusesBadCodeAndLooseWeights) {
  const auto device = open_device("cpu", {.threads = 1});
  EXPECT_FALSE((*device)->load_code(as_bytes("no code"), {"a"}).ok());
  const auto code = read_file(HEARTH_TEST_KERNELS);
  const auto loaded = (*device)->load_code(as_bytes(*code), {"shift", "no_such_kernel"});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.message(), "cpu: kernel 'no_such_kernel' is missing from the code");
  const Call call{.kernel = 0, .extent = 1};
  EXPECT_FALSE((*device)->launch({&call, 1}, {}).ok());  // nothing was loaded
  alignas(64) std::byte bytes[128] = {};
  EXPECT_TRUE((*device)->adopt({bytes, 64}).ok());
  EXPECT_FALSE((*device)->adopt({bytes + 4, 64}).ok());
}

// Each call reads what the whole call before it wrote: thousands of them, of every extent, shared and single, at 1 to 6
// threads.
TEST(Device, EveryCallSeesAllOfTheOneBefore) {
  for (int threads : {1, 2, 3, 4, 6}) {
    const auto device = cpu(threads);
    for (int64_t n : {2, 3, 5, 16, 64, 97}) {
      std::vector<int64_t> buffers[2] = {std::vector<int64_t>(static_cast<size_t>(n), 0),
                                         std::vector<int64_t>(static_cast<size_t>(n), 0)};
      for (int64_t i = 0; i < n; ++i) buffers[0][static_cast<size_t>(i)] = i * 1000000;
      std::vector<Call> calls;
      const int steps = threads > 4 ? 200 : 2000;
      for (int step = 0; step < steps; ++step) {
        const bool whole = step % 7 == 3 || step % 7 == 4;  // two singles in a row
        calls.push_back({.kernel = whole ? kShiftWhole : kShift,
                         .extent = whole ? 1 : n,
                         .buffers = {buffers[step % 2].data(), buffers[1 - step % 2].data()}});
        if (step % 11 == 0) calls.push_back({.kernel = kNothing, .extent = 0});
      }
      ASSERT_TRUE(device->launch(calls, std::vector<int64_t>{n}).ok());
      const auto& last = buffers[steps % 2];
      for (int64_t i = 0; i < n; ++i)
        ASSERT_EQ(last[static_cast<size_t>(i)], (i + steps) % n * 1000000 + steps)
            << threads << " threads, extent " << n;
    }
  }
}

TEST(Device, NullComputesNothing) {
  const auto device = open_device("null", {});
  const auto memory = (*device)->allocate(8);
  const int64_t value = 42;
  ASSERT_TRUE((*device)->upload(*memory, 0, as_bytes({reinterpret_cast<const char*>(&value), 8})).ok());
  ASSERT_TRUE((*device)->load_code({}, {"anything"}).ok());
  const Call call{.kernel = 7, .extent = 100, .buffers = {memory->address}};
  ASSERT_TRUE((*device)->launch({&call, 1}, {}).ok());
  int64_t back = 0;
  ASSERT_TRUE((*device)->download(*memory, 0, {reinterpret_cast<std::byte*>(&back), 8}).ok());
  EXPECT_EQ(back, 42);
  (*device)->free(*memory);
}

// Not a test of speed: prints what a call costs when it does nothing.
TEST(Device, LaunchOverhead) {
  for (int threads : {1, 2, 4}) {
    const auto device = cpu(threads);
    for (int64_t extent : {int64_t{1}, int64_t{threads}, int64_t{64}}) {
      const std::vector<Call> calls(1000, Call{.kernel = kNothing, .extent = extent});
      double best = 1e30;
      for (int round = 0; round < 20; ++round) {
        const auto begin = std::chrono::steady_clock::now();
        ASSERT_TRUE(device->launch(calls, {}).ok());
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        best = std::min(best, took.count() / 1000);
      }
      std::printf("  %d threads, extent %ld: %.0f ns a call\n", threads, static_cast<long>(extent), best);
    }
  }
}

}  // namespace
}  // namespace hearth
