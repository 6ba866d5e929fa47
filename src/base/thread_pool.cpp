// Thread pool over std::atomic wait and notify: wait by spinning for a bounded time, then sleep in the kernel.
#include "base/thread_pool.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/check.h"

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

// Spinning pays while every thread has a CPU; long enough for the sampler between two steps, short enough to idle cold.
constexpr auto kSpin = std::chrono::microseconds(80);
constexpr int kLooks = 64;  // between two yields: about a microsecond

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// The CPUs this process may use, in order; empty where the system cannot tell.
std::vector<int> usable_cpus() {
  std::vector<int> cpus;
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
#endif
  return cpus;
}

void pin(std::thread& thread, int cpu) {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  ::pthread_setaffinity_np(thread.native_handle(), sizeof(set), &set);  // a refusal costs speed only
#else
  (void)thread, (void)cpu;
#endif
}

}  // namespace

struct ThreadPool::Impl {
  int threads = 1;
  bool spin = true;
  std::vector<std::thread> workers;
  const std::function<void(int)>* job = nullptr;  // published by `round`
  alignas(64) std::atomic<uint32_t> round{0};     // one more a job
  alignas(64) std::atomic<uint32_t> busy{0};      // workers still in the job
  alignas(64) std::atomic<uint32_t> arrived{0};   // at the barrier
  alignas(64) std::atomic<uint32_t> phase{0};     // one more a barrier
  alignas(64) std::atomic<bool> stop{false};

  // Returns the first value that is not `old`. Yielding between looks costs little on an idle machine; on a busy one it
  // lets a thread of ours that waits for this very CPU go on (without it two of them can hold each other up for long).
  uint32_t wait_change(const std::atomic<uint32_t>& word, uint32_t old) const {
    uint32_t now = word.load(std::memory_order_acquire);
    if (now != old) return now;
    if (spin) {
      const auto end = Clock::now() + kSpin;
      do {
        for (int i = 0; i < kLooks; ++i) {
          relax();
          now = word.load(std::memory_order_acquire);
          if (now != old) return now;
        }
        std::this_thread::yield();
      } while (Clock::now() < end);
    }
    while ((now = word.load(std::memory_order_acquire)) == old) word.wait(old, std::memory_order_acquire);
    return now;
  }

  void work(int thread) {
    for (uint32_t seen = 0;;) {
      seen = wait_change(round, seen);
      if (stop.load(std::memory_order_relaxed)) return;
      (*job)(thread);
      if (busy.fetch_sub(1, std::memory_order_acq_rel) == 1) busy.notify_one();
    }
  }

  void start_round() {
    round.fetch_add(1, std::memory_order_release);
    round.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  CHECK(threads >= 1, "a thread pool of {} threads", threads);
  impl_->threads = threads;
  const std::vector<int> cpus = usable_cpus();
  const size_t available = cpus.empty() ? std::thread::hardware_concurrency() : cpus.size();
  impl_->spin = static_cast<size_t>(threads) <= available;
  for (int i = 1; i < threads; ++i) impl_->workers.emplace_back([impl = impl_.get(), i] { impl->work(i); });
  // Pinned only when the pool fills the machine: two small pools, of two processes perhaps, would share the first CPUs
  // while others idle. The caller's thread is not ours to pin.
  if (static_cast<size_t>(threads) == cpus.size())
    for (size_t i = 0; i < impl_->workers.size(); ++i) pin(impl_->workers[i], cpus[i + 1]);
}

ThreadPool::~ThreadPool() {
  impl_->stop.store(true, std::memory_order_relaxed);
  impl_->start_round();
  for (std::thread& worker : impl_->workers) worker.join();
}

int ThreadPool::threads() const { return impl_->threads; }

void ThreadPool::run(const std::function<void(int thread)>& job) {
  if (impl_->threads == 1) return job(0);
  impl_->job = &job;
  impl_->busy.store(static_cast<uint32_t>(impl_->threads - 1), std::memory_order_relaxed);
  impl_->start_round();
  job(0);
  for (uint32_t left = impl_->busy.load(std::memory_order_acquire); left != 0;)
    left = impl_->wait_change(impl_->busy, left);
}

void ThreadPool::barrier() {
  barrier([] {});
}

void ThreadPool::barrier(const std::function<void()>& alone) {
  const uint32_t phase = impl_->phase.load(std::memory_order_relaxed);  // cannot change before this thread arrives
  if (impl_->arrived.fetch_add(1, std::memory_order_acq_rel) + 1 < static_cast<uint32_t>(impl_->threads)) {
    impl_->wait_change(impl_->phase, phase);
    return;
  }
  impl_->arrived.store(0, std::memory_order_relaxed);
  alone();
  impl_->phase.store(phase + 1, std::memory_order_release);
  impl_->phase.notify_all();
}

void ThreadPool::parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  CHECK(grain >= 1, "parallel_for with a grain of {}", grain);
  if (count <= grain) {
    if (count > 0) body(0, count);
    return;
  }
  std::atomic<int64_t> next{0};
  run([&](int) {
    for (;;) {
      const int64_t first = next.fetch_add(grain, std::memory_order_relaxed);
      if (first >= count) return;
      body(first, grain < count - first ? first + grain : count);
    }
  });
}

}  // namespace hearth
