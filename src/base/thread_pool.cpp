// Thread pool over one atomic word that hands out parts; who finds none waits by spinning for a bounded time, then
// sleeps.
#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

#ifdef __linux__
#include <sched.h>
#endif

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

// Spinning pays while every thread has a CPU: longer than most phases differ between threads and than a sampler takes,
// short enough to idle cold and to leave the CPU to a thread of ours that waits for one.
constexpr auto kSpin = std::chrono::microseconds(100);
constexpr int kLooks = 32;  // between two yields: about a microsecond

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int usable_cpus() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

// All that a thread without a part may look at, in one word, so that it never touches a job that might be over:
// the phase's number (of all jobs, wrapping), whether a thread takes one part at most, the threads that may take parts
// (0: no job), and the parts not taken yet, counted from kNone: so many may be taken too many.
struct Cursor {
  static constexpr int kNone = 2 * ThreadPool::kMostThreads;
  static_assert(ThreadPool::kMostParts + kNone < 1 << 20);
  uint64_t word = 0;

  static Cursor make(uint32_t phase, bool once, int active, int left) {
    return {uint64_t{phase} << 32 | uint64_t{once} << 31 | static_cast<uint64_t>(active) << 20 |
            static_cast<uint64_t>(kNone + left)};
  }
  uint32_t phase() const { return static_cast<uint32_t>(word >> 32); }
  bool once() const { return (word >> 31 & 1) != 0; }
  int active() const { return static_cast<int>(word >> 20 & 2047); }
  int left() const { return std::max(0, static_cast<int>(word & ((uint64_t{1} << 20) - 1)) - kNone); }
  bool idle() const { return active() == 0; }
};

// A job that runs once on every thread.
class Once : public ThreadPool::Phases {
 public:
  Once(const std::function<void(int)>& job, int threads) : job_(job), threads_(threads) {}
  int next(int) override { return std::exchange(threads_, 0); }
  void part(int, int thread) override { job_(thread); }

 private:
  const std::function<void(int)>& job_;
  int threads_;
};

// One phase whose parts each take pieces of [0, count) until none is left.
class Pieces : public ThreadPool::Phases {
 public:
  Pieces(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body, int parts)
      : count_(count), grain_(grain), body_(body), parts_(parts) {}
  int next(int) override { return std::exchange(parts_, 0); }
  void part(int, int) override {
    for (;;) {
      const int64_t first = next_.fetch_add(grain_, std::memory_order_relaxed);
      if (first >= count_) return;
      body_(first, grain_ < count_ - first ? first + grain_ : count_);
    }
  }

 private:
  std::atomic<int64_t> next_{0};
  int64_t count_, grain_;
  const std::function<void(int64_t, int64_t)>& body_;
  int parts_;
};

}  // namespace

struct ThreadPool::Impl {
  struct alignas(64) Bed {
    std::atomic<uint32_t> asleep{0};
  };

  explicit Impl(int count) : threads(count), spin(count <= usable_cpus()), beds(static_cast<size_t>(count)) {}

  const int threads;
  const bool spin;
  std::vector<Bed> beds;             // by thread
  std::vector<std::thread> workers;  // threads 1, 2, ...
  // Of the running job; read by who holds a part, or is alone between phases.
  Phases* phases = nullptr;
  int parts = 0, active = 0;
  bool once = false;
  alignas(64) std::atomic<uint64_t> cursor{0};
  alignas(64) std::atomic<int> done{0};  // parts of this phase
  alignas(64) std::atomic<int> sleepers{0};
  std::atomic<bool> stop{false};

  Cursor look() const { return {cursor.load(std::memory_order_acquire)}; }
  bool leave(int thread, Cursor now) const { return thread == 0 ? now.idle() : stop.load(std::memory_order_seq_cst); }
  void participate(int thread, uint32_t last_phase);
  bool take_part(int thread, uint32_t last_phase, Cursor* taken);
  void run_parts(int thread, Cursor taken, uint32_t* last_phase);
  bool begin_phase(int thread, uint32_t phase, Cursor* taken);
  void wake(int self, int wanted, int among);
  void await(int thread, uint32_t last_phase);
  void sleep(int thread, uint32_t last_phase);
  bool has_news(int thread, Cursor now, uint32_t last_phase) const {
    return leave(thread, now) ||
           (now.left() > 0 && thread < now.active() && !(now.once() && now.phase() == last_phase));
  }
};

// What a thread does until the job ends (the caller) or the pool (a worker).
void ThreadPool::Impl::participate(int thread, uint32_t last_phase) {
  for (Cursor taken;;) {
    while (take_part(thread, last_phase, &taken)) run_parts(thread, taken, &last_phase);
    if (leave(thread, look())) return;
    await(thread, last_phase);
  }
}

// Takes the first part for this thread of the phase at hand, if there is one: `taken` is the cursor before.
bool ThreadPool::Impl::take_part(int thread, uint32_t last_phase, Cursor* taken) {
  Cursor now = look();
  do {
    if (now.left() == 0 || thread >= now.active() || (now.once() && now.phase() == last_phase)) return false;
  } while (!cursor.compare_exchange_weak(now.word, now.word - 1, std::memory_order_acq_rel, std::memory_order_acquire));
  *taken = now;
  return true;
}

// Runs the part taken and more of its phase while there are any, then counts them as done together; who counts the last
// opens the next phase. Until parts are counted their phase cannot end, so the second and later ones are taken without
// a look first: at worst there was none left, once a thread and phase.
void ThreadPool::Impl::run_parts(int thread, Cursor taken, uint32_t* last_phase) {
  do {
    *last_phase = taken.phase();
    const int all = parts;  // after the count the phase may be over, and this another's
    int mine = 0;
    for (;;) {
      phases->part(all - taken.left(), thread);
      ++mine;
      if (taken.once() || taken.left() <= 1) break;
      taken.word = cursor.fetch_sub(1, std::memory_order_acq_rel);
      if (taken.left() == 0) break;
    }
    if (done.fetch_add(mine, std::memory_order_acq_rel) + mine != all) return;
  } while (begin_phase(thread, *last_phase + 1, &taken));
}

// All is done and nobody holds a part: this thread alone moves the job on, and has the first part of the new phase, if
// there is one, as if it had taken it.
bool ThreadPool::Impl::begin_phase(int thread, uint32_t phase, Cursor* taken) {
  done.store(0, std::memory_order_relaxed);
  parts = phases->next(thread);
  CHECK(parts >= 0 && parts <= kMostParts, "a phase of {} parts", parts);
  const int count = parts, among = count > 0 ? active : 0;  // after the store the job may be over before we look again
  *taken = Cursor::make(phase, once, among, count);
  cursor.store(taken->word - (count > 0 ? 1 : 0), std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) != 0) {
    if (count > 0)
      wake(thread, count - 1, among);
    else
      wake(thread, 1, 1);
  }
  return count > 0;
}

// Wakes so many of the first `among` threads as are asleep; who is awake counts as well.
void ThreadPool::Impl::wake(int self, int wanted, int among) {
  for (int i = 0; i < among && wanted > 0; ++i) {
    if (i == self) continue;
    --wanted;
    std::atomic<uint32_t>& asleep = beds[static_cast<size_t>(i)].asleep;
    if (asleep.load(std::memory_order_seq_cst) == 0 || asleep.exchange(0, std::memory_order_acq_rel) == 0) continue;
    asleep.notify_one();
  }
}

// Returns when there is something to do for this thread, or something may be. Yielding between looks costs little on an
// idle machine; on a busy one it lets others of ours that wait for this very CPU go on.
void ThreadPool::Impl::await(int thread, uint32_t last_phase) {
  const Cursor first = look();
  if (spin && (first.idle() || thread < first.active())) {
    Clock::time_point end;
    do {
      for (int i = 0; i < kLooks; ++i) {
        if (has_news(thread, look(), last_phase)) return;
        relax();
      }
      if (end == Clock::time_point()) end = Clock::now() + kSpin;
      std::this_thread::yield();
    } while (Clock::now() < end);
  }
  sleep(thread, last_phase);
}

// Who gives out work stores the cursor, then looks for sleepers; who goes to sleep says so, then looks at the cursor:
// in one order of all these, one of them sees the other.
void ThreadPool::Impl::sleep(int thread, uint32_t last_phase) {
  std::atomic<uint32_t>& asleep = beds[static_cast<size_t>(thread)].asleep;
  asleep.store(1, std::memory_order_seq_cst);
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  if (!has_news(thread, {cursor.load(std::memory_order_seq_cst)}, last_phase))
    asleep.wait(1, std::memory_order_acquire);
  asleep.store(0, std::memory_order_relaxed);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

ThreadPool::ThreadPool(int threads) {
  CHECK(threads >= 1 && threads <= kMostThreads, "a thread pool of {} threads", threads);
  impl_ = std::make_unique<Impl>(threads);
  // Not pinned: a worker whose CPU is taken by another program must be able to move to a free one.
  for (int i = 1; i < threads; ++i)
    impl_->workers.emplace_back([impl = impl_.get(), i] { impl->participate(i, impl->look().phase() - 1); });
}

ThreadPool::~ThreadPool() {
  impl_->stop.store(true, std::memory_order_seq_cst);
  for (Impl::Bed& bed : impl_->beds) {
    bed.asleep.store(0, std::memory_order_seq_cst);
    bed.asleep.notify_one();
  }
  for (std::thread& worker : impl_->workers) worker.join();
}

int ThreadPool::threads() const { return impl_->threads; }

void ThreadPool::run(Phases& phases, int active) {
  CHECK(active >= 1 && active <= impl_->threads, "a job on {} of {} threads", active, impl_->threads);
  impl_->phases = &phases;
  impl_->active = active;
  uint32_t phase = impl_->look().phase();
  Cursor taken;
  if (impl_->begin_phase(0, phase + 1, &taken)) impl_->run_parts(0, taken, &phase);
  impl_->participate(0, phase);
}

void ThreadPool::run(const std::function<void(int thread)>& job) {
  if (impl_->threads == 1) return job(0);
  Once once(job, impl_->threads);
  impl_->once = true;
  run(once, impl_->threads);
  impl_->once = false;
}

void ThreadPool::parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  CHECK(grain >= 1, "parallel_for with a grain of {}", grain);
  if (count <= 0) return;
  if (count <= grain) return body(0, count);
  const int parts = static_cast<int>(std::min<int64_t>(impl_->threads, (count - 1) / grain + 1));
  Pieces pieces(count, grain, body, parts);
  run(pieces, impl_->threads);
}

}  // namespace hearth
