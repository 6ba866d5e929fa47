// cpu: kernels are C functions in this process; the threads of the pool walk the list of calls together.
//
// Calls fall into phases: one call whose iterations are shared, or a row of calls too small to share. Who ends a phase
// runs the row of small calls alone, then opens the next phase. How many threads walk is chosen by measuring where
// memory is the limit.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include "base/cpu_features.h"
#include "base/memory.h"
#include "base/native_code.h"
#include "base/set.h"
#include "base/thread_pool.h"
#include "runtime/devices/host_memory.h"
#include "runtime/devices/meter.h"
#include "runtime/devices/pace.h"

namespace hearth {
namespace {

using Kernel = void(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last);

constexpr uintptr_t kAlignment = 64;
constexpr int kMostThreads = 1024;
// A thread whose CPU is busy elsewhere holds up a part, not all its share; but each part begins with cold caches.
constexpr int64_t kPartsPerThread = 2;
// Rough rates of one thread on data in its caches, to tell small work from large: bytes and operations a nanosecond.
constexpr double kBytesRate = 32, kOperationsRate = 100;
constexpr double kAloneNs = 700;       // less than this is done before others have heard of it
constexpr double kPartNs = 200;        // no part is smaller, roughly
constexpr double kFewOperations = 16;  // a byte; below, memory is the limit rather than arithmetic: decoding
constexpr size_t kMostPaces = 8;

int usable_threads() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

struct Kernels {
  std::vector<Kernel*> table;

  void run(const Call& call, const int64_t* sizes, int64_t first, int64_t last) const {
    table[static_cast<size_t>(call.kernel)](call.buffers.data(), sizes, first, last);
  }
};

// One thread's time for a call; 0: not known.
double work_ns(const Call& call) { return call.bytes / kBytesRate + call.operations / kOperationsRate; }

bool is_small(const Call& call) {
  const double ns = work_ns(call);
  return call.extent <= 1 || (ns > 0 && ns < kAloneNs);
}

// The calls of a launch as phases of the pool.
class Walk final : public ThreadPool::Phases {
 public:
  Walk(const Kernels& kernels, std::span<const Call> calls, const int64_t* sizes, int threads, Meter* meter)
      : kernels_(kernels), calls_(calls), sizes_(sizes), threads_(threads), meter_(meter) {}

  int next(int thread) override {
    Lap lap = Lap(meter_, thread, threads_);
    for (;; ++at_) {
      if (at_ == calls_.size()) return 0;
      const Call& call = calls_[at_];
      if (call.extent < 1) continue;
      if (threads_ > 1 && !is_small(call)) break;
      kernels_.run(call, sizes_, 0, call.extent);
      lap.ran_alone(call.kernel);
    }
    shared_ = &calls_[at_++];
    const double ns = work_ns(*shared_);
    int64_t most = threads_ * kPartsPerThread;
    if (ns > 0) most = std::clamp(static_cast<int64_t>(ns / kPartNs), int64_t{2}, most);
    if (most > threads_) most -= most % threads_;  // as many for each
    step_ = (shared_->extent + most - 1) / most;
    return static_cast<int>((shared_->extent + step_ - 1) / step_);
  }

  void part(int part, int thread) override {
    const Lap lap(meter_, thread, threads_);
    lap.waited();
    kernels_.run(*shared_, sizes_, part * step_, std::min(shared_->extent, (part + 1) * step_));
    lap.ran(shared_->kernel);
  }

 private:
  const Kernels& kernels_;
  std::span<const Call> calls_;
  const int64_t* sizes_;
  int threads_;
  Meter* meter_;
  size_t at_ = 0;  // the call after the shared one
  const Call* shared_ = nullptr;
  int64_t step_ = 1;  // iterations a part
};

// What a list of calls is, as far as its best number of threads goes.
struct Kind {
  uint64_t name = 0;            // lists of one name take about the same time
  bool few_operations = false;  // of those that memory limits
};

Kind kind_of(std::span<const Call> calls) {
  double bytes = 0, operations = 0;
  uint64_t name = 14695981039346656037u;
  for (const Call& call : calls) {
    bytes += call.bytes;
    operations += call.operations;
    name = (name ^ static_cast<uint64_t>(call.kernel)) * 1099511628211u;
  }
  // Steps of one row and of two run the same kernels or not: by powers of two they are told apart well enough.
  name = (name ^ static_cast<uint64_t>(std::ilogb(operations + 1))) * 1099511628211u;
  return {name, bytes > 0 && operations < kFewOperations * bytes};
}

class CpuDevice : public Device {
 public:
  CpuDevice(int threads, int threads_decode) : pool_(threads), threads_decode_(threads_decode) {}

  Result<Memory> allocate(uint64_t bytes) override { return allocate_host(bytes, "cpu"); }
  void free(Memory memory) override { free_host(memory); }
  Result<Memory> adopt(Bytes weights) override;
  Result<Done> upload(Memory to, uint64_t offset, Bytes from) override { return copy_in(to, offset, from, "cpu"); }
  Result<Done> download(Memory from, uint64_t offset, std::span<std::byte> to) override {
    return copy_out(from, offset, to, "cpu");
  }
  const std::byte* host_address(Memory memory) const override { return static_cast<const std::byte*>(memory.address); }
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
  struct Paced {
    uint64_t name = 0, used = 0;  // the kind's, the tick of its last launch
    Pace pace;
  };
  Pace* pace_of(std::span<const Call> calls);

  ThreadPool pool_;
  int threads_decode_;  // 0: chosen by `paces_`
  NativeCode code_;
  Kernels kernels_;
  std::vector<Paced> paces_;
  uint64_t tick_ = 0;
  std::optional<Meter> meter_;  // set while measured
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
  kernels_.table = std::move(kernels);
  paces_.clear();
  return Done{};
}

void CpuDevice::measure(Measured* into) {
  measured_ = into;
  meter_.reset();
  if (into) meter_.emplace(pool_.threads(), kernels_.table.size());
}

// Who chooses how many threads these calls get; null: all of them, or as many as were asked for.
Pace* CpuDevice::pace_of(std::span<const Call> calls) {
  if (threads_decode_ > 0 || pool_.threads() == 1) return nullptr;
  const Kind kind = kind_of(calls);
  if (!kind.few_operations) return nullptr;
  Paced* latest = nullptr;
  Paced* oldest = nullptr;
  for (Paced& paced : paces_) {
    if (paced.name == kind.name) {
      paced.used = ++tick_;
      return &paced.pace;
    }
    if (!latest || paced.used > latest->used) latest = &paced;
    if (!oldest || paced.used < oldest->used) oldest = &paced;
  }
  // A new kind starts from what was best for the latest.
  Paced fresh{kind.name, ++tick_,
              Pace(Pace::choices_up_to(pool_.threads()), latest ? latest->pace.best() : pool_.threads())};
  if (paces_.size() < kMostPaces) return &paces_.emplace_back(std::move(fresh)).pace;
  *oldest = std::move(fresh);
  return &oldest->pace;
}

Result<Done> CpuDevice::launch(std::span<const Call> calls, std::span<const int64_t> sizes) {
  for (const Call& call : calls)
    if (call.kernel < 0 || static_cast<size_t>(call.kernel) >= kernels_.table.size())
      return error("cpu: got kernel {}, want one of the {} loaded", call.kernel, kernels_.table.size());
  Pace* pace = pace_of(calls);
  int threads = pool_.threads();
  if (pace)
    threads = pace->threads();
  else if (threads_decode_ > 0 && kind_of(calls).few_operations)
    threads = std::min(threads, threads_decode_);
  Meter* meter = meter_ ? &*meter_ : nullptr;
  if (meter) meter->start();
  const auto start = Meter::Clock::now();
  Walk walk(kernels_, calls, sizes.data(), threads, meter);
  pool_.run(walk, threads);
  if (pace) pace->took(Meter::ns(Meter::Clock::now() - start));
  if (meter) meter->end(*measured_, threads);
  return Done{};
}

Json CpuDevice::describe() const {
  const Paced* latest = nullptr;
  for (const Paced& paced : paces_)
    if (!latest || paced.used > latest->used) latest = &paced;
  const int decode = latest ? latest->pace.best() : threads_decode_ > 0 ? threads_decode_ : pool_.threads();
  return {{"name", "cpu"},
          {"threads", pool_.threads()},
          {"threads_decode", decode},
          {"memory_bytes", machine_memory()}};
}

}  // namespace

HEARTH_SET_MEMBER(device, cpu)
Result<std::unique_ptr<Device>> cpu_device(const DeviceOptions& options) {
  if (options.threads < 0 || options.threads > kMostThreads)
    return error("cpu: got {} threads, want 0 (as many as CPUs) to {}", options.threads, kMostThreads);
  const int threads = options.threads > 0 ? options.threads : usable_threads();
  if (options.threads_decode < 0 || options.threads_decode > kMostThreads)
    return error("cpu: got {} threads to decode, want 0 (chosen by measuring) to {}", options.threads_decode,
                 kMostThreads);
  return std::unique_ptr<Device>(std::make_unique<CpuDevice>(threads, std::min(threads, options.threads_decode)));
}

}  // namespace hearth
