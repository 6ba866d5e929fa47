// cpu: kernels are C functions in this process; all threads of the pool walk the list of calls together.
//
// Calls fall into phases: one call whose iterations are shared, or a row of calls of one iteration each. Threads meet
// once between phases; the last to come runs the row of single calls alone before it lets the others go on.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include "base/cpu_features.h"
#include "base/native_code.h"
#include "base/set.h"
#include "base/thread_pool.h"
#include "runtime/devices/host_memory.h"
#include "runtime/devices/meter.h"

namespace hearth {
namespace {

using Kernel = void(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last);

constexpr uintptr_t kAlignment = 64;
constexpr int64_t kPartsPerThread = 4;  // so that a thread whose CPU is busy elsewhere holds up a part, not a quarter

int usable_threads() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Hands out the parts of one call after another. Each thread asks until it is refused once, so a call of n parts uses
// up exactly n + threads tickets: every thread knows where the next call's tickets begin, and nothing is ever reset.
class Tickets {
 public:
  void restart() { next_.store(0, std::memory_order_relaxed); }
  int64_t take() { return next_.fetch_add(1, std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<int64_t> next_{0};
};

class CpuDevice : public Device {
 public:
  explicit CpuDevice(int threads) : pool_(threads) {}

  Result<Memory> allocate(uint64_t bytes) override { return allocate_host(bytes, "cpu"); }
  void free(Memory memory) override { free_host(memory); }
  Result<Memory> adopt(Bytes weights) override;
  Result<Done> upload(Memory to, uint64_t offset, Bytes from) override { return copy_in(to, offset, from, "cpu"); }
  Result<Done> download(Memory from, uint64_t offset, std::span<std::byte> to) override {
    return copy_out(from, offset, to, "cpu");
  }
  Result<Done> can_run(const std::string& arch, const std::string& features) override {
    return cpu_runs(arch, features);
  }
  Result<Done> copy(Memory memory, uint64_t from, uint64_t to, uint64_t bytes) override {
    return copy_inside(memory, from, to, bytes, "cpu");
  }
  Result<Done> load_code(Bytes code, const std::vector<std::string>& symbols) override;
  Result<Done> launch(std::span<const Call> calls, std::span<const int64_t> sizes) override;
  Result<Done> synchronize() override { return Done{}; }
  void measure(Measured* into) override;
  Json describe() const override;

 private:
  void walk(std::span<const Call> calls, const int64_t* sizes, Lap lap);
  void share(const Call& call, const int64_t* sizes, int64_t* ticket);
  size_t run_singles(std::span<const Call> calls, size_t at, const int64_t* sizes, Lap lap) const;
  void run_one(const Call& call, const int64_t* sizes, int64_t first, int64_t last) const {
    kernels_[static_cast<size_t>(call.kernel)](call.buffers.data(), sizes, first, last);
  }

  ThreadPool pool_;
  NativeCode code_;
  std::vector<Kernel*> kernels_;
  Tickets tickets_;
  std::optional<Meter> meter_;           // set while measured
  Measured* measured_ = nullptr;
};

Result<Memory> CpuDevice::adopt(Bytes weights) {
  const auto address = reinterpret_cast<uintptr_t>(weights.data());
  if (address % kAlignment != 0) return error("cpu: weights at an address that is no multiple of {}", kAlignment);
  if (!weights.empty()) {
    const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    const uintptr_t first = address / page * page;
    ::madvise(reinterpret_cast<void*>(first), address + weights.size() - first, MADV_WILLNEED);
  }
  return Memory{const_cast<std::byte*>(weights.data()), weights.size()};
}

Result<Done> CpuDevice::load_code(Bytes code, const std::vector<std::string>& symbols) {
  TRY(NativeCode loaded, NativeCode::load(code));
  std::vector<Kernel*> kernels;
  for (const std::string& symbol : symbols) {
    kernels.push_back(loaded.find_as<Kernel>(symbol));
    if (!kernels.back()) return error("cpu: kernel '{}' is missing from the code", symbol);
  }
  code_ = std::move(loaded);
  kernels_ = std::move(kernels);
  return Done{};
}

// Runs calls[at], calls[at + 1], ... while they have one iteration or none; returns the first that has more.
size_t CpuDevice::run_singles(std::span<const Call> calls, size_t at, const int64_t* sizes, Lap lap) const {
  for (; at < calls.size() && calls[at].extent <= 1; ++at) {
    if (calls[at].extent < 1) continue;
    run_one(calls[at], sizes, 0, 1);
    lap.ran_alone(calls[at].kernel);
  }
  return at;
}

size_t skip_singles(std::span<const Call> calls, size_t at) {
  while (at < calls.size() && calls[at].extent <= 1) ++at;
  return at;
}

// This thread's part of one call. `ticket`: where the call's tickets begin; moved on to the next call's.
void CpuDevice::share(const Call& call, const int64_t* sizes, int64_t* ticket) {
  const int64_t threads = pool_.threads();
  const int64_t step = std::max<int64_t>(1, call.extent / (threads * kPartsPerThread));
  const int64_t parts = (call.extent + step - 1) / step;
  for (;;) {
    const int64_t part = tickets_.take() - *ticket;
    if (part >= parts) break;
    run_one(call, sizes, part * step, std::min(call.extent, (part + 1) * step));
  }
  *ticket += parts + threads;
}

// What every thread does; calls[0] has more than one iteration.
void CpuDevice::walk(std::span<const Call> calls, const int64_t* sizes, Lap lap) {
  int64_t ticket = 0;
  for (size_t at = 0; at < calls.size();) {
    lap.waited();
    share(calls[at], sizes, &ticket);
    lap.ran(calls[at].kernel);
    const size_t next = skip_singles(calls, at + 1);
    if (next == calls.size() && next == at + 1) return;  // the end of the job is the last barrier
    const auto singles = [&] { run_singles(calls, at + 1, sizes, lap.alone()); };
    pool_.barrier(std::cref(singles));  // by reference: a launch allocates nothing
    at = next;
  }
}

void CpuDevice::measure(Measured* into) {
  measured_ = into;
  meter_.reset();
  if (into) meter_.emplace(pool_.threads(), kernels_.size());
}

Result<Done> CpuDevice::launch(std::span<const Call> calls, std::span<const int64_t> sizes) {
  for (const Call& call : calls)
    if (call.kernel < 0 || static_cast<size_t>(call.kernel) >= kernels_.size())
      return error("cpu: got kernel {}, want one of the {} loaded", call.kernel, kernels_.size());
  Meter* meter = meter_ ? &*meter_ : nullptr;
  if (meter) meter->start();
  const std::span<const Call> shared = calls.subspan(run_singles(calls, 0, sizes.data(), Lap(meter, 0)));
  if (!shared.empty()) {
    tickets_.restart();
    const auto job = [&](int thread) { walk(shared, sizes.data(), Lap(meter, thread)); };
    pool_.run(std::cref(job));
  }
  if (meter) meter->end(*measured_);
  return Done{};
}

Json CpuDevice::describe() const {
  const auto pages = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES));
  return {{"name", "cpu"}, {"threads", pool_.threads()}, {"memory_bytes", pages * ::sysconf(_SC_PAGESIZE)}};
}

}  // namespace

HEARTH_SET_MEMBER(device, cpu)
Result<std::unique_ptr<Device>> cpu_device(const DeviceOptions& options) {
  constexpr int kMostThreads = 1024;
  if (options.threads < 0 || options.threads > kMostThreads)
    return error("cpu: got {} threads, want 0 (as many as CPUs) to {}", options.threads, kMostThreads);
  const int threads = options.threads > 0 ? options.threads : usable_threads();
  return std::unique_ptr<Device>(std::make_unique<CpuDevice>(threads));
}

}  // namespace hearth
