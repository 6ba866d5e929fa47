// Thread pool: every thread runs, phases come one after another, who is away delays nobody, nothing is lost over
// thousands of jobs.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hearth {
namespace {

TEST(ThreadPool, RunsOnEveryThreadOnce) {
  for (int threads : {1, 2, 3, 4, 9}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int round = 0; round < 50; ++round) {
      std::vector<int> seen(static_cast<size_t>(threads), 0);
      pool.run([&](int thread) { ++seen[static_cast<size_t>(thread)]; });
      for (int count : seen) EXPECT_EQ(count, 1);
    }
  }
}

// Phases of some parts; each adds up plain memory that the phase before wrote: a data race would be seen by TSan, a
// lost or doubled part by the sums.
class Rows : public ThreadPool::Phases {
 public:
  Rows(int phases, int parts, int active)
      : now_(static_cast<size_t>(parts), 0), before_(now_), left_(phases), active_(active) {}

  int next(int thread) override {
    EXPECT_LT(thread, active_);
    std::swap(now_, before_);
    ++begun;
    return left_-- > 0 ? static_cast<int>(now_.size()) : 0;
  }
  void part(int part, int thread) override {
    if (thread >= active_) ++strangers;
    const size_t at = static_cast<size_t>(part);
    now_[at] = before_[(at + 1) % before_.size()] + 1;
  }
  const std::vector<int64_t>& result() const { return before_; }

  int begun = 0;  // plain: only one thread is between phases
  std::atomic<int> strangers{0};

 private:
  std::vector<int64_t> now_, before_;
  int left_, active_;
};

TEST(ThreadPool, PhasesOrderPlainWrites) {
  constexpr int kPhases = 2000;
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int active = 1; active <= threads; ++active) {
      for (int parts : {1, 3, 16}) {
        Rows rows(kPhases, parts, active);
        pool.run(rows, active);
        EXPECT_EQ(rows.begun, kPhases + 1);
        EXPECT_EQ(rows.strangers, 0);
        for (int64_t value : rows.result()) EXPECT_EQ(value, kPhases);
      }
    }
  }
}

TEST(ThreadPool, JobsOfNoPhaseAndShortJobsFollowEachOther) {
  ThreadPool pool(4);
  for (int job = 0; job < 3000; ++job) {
    Rows rows(job % 3, 1 + job % 7, 1 + job % 4);
    pool.run(rows, 1 + job % 4);
    EXPECT_EQ(rows.begun, job % 3 + 1);
    for (int64_t value : rows.result()) EXPECT_EQ(value, job % 3);
  }
}

// A thread that sits in one part (its CPU is gone, say) must not keep the others from the rest of the phase.
class OneSlowPart : public ThreadPool::Phases {
 public:
  int next(int) override { return std::exchange(parts_, 0); }
  void part(int part, int) override {
    if (part > 0) {
      ++others;
    } else {
      const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (others < 63 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
      seen = others;
    }
  }
  std::atomic<int> others{0};
  int seen = 0;

 private:
  int parts_ = 64;
};

TEST(ThreadPool, OthersTakeWhatASlowThreadDoesNot) {
  ThreadPool pool(3);
  OneSlowPart job;
  pool.run(job, 2);
  EXPECT_EQ(job.seen, 63);
}

TEST(ThreadPool, ParallelForCoversEverythingOnce) {
  ThreadPool pool(3);
  for (int64_t count : {0, 1, 7, 64, 1000}) {
    for (int64_t grain : {1, 3, 64, 5000}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
      pool.parallel_for(count, grain, [&](int64_t first, int64_t last) {
        EXPECT_LE(last - first, grain);
        for (int64_t i = first; i < last; ++i) ++seen[static_cast<size_t>(i)];
      });
      for (const auto& times : seen) EXPECT_EQ(times, 1);
    }
  }
}

// Long pauses send workers and waiters to sleep: waking them must lose nothing.
class Naps : public ThreadPool::Phases {
 public:
  int next(int) override { return left_-- > 0 ? 2 : 0; }
  void part(int part, int) override {
    if (part == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++parts;
  }
  std::atomic<int> parts{0};

 private:
  int left_ = 20;
};

TEST(ThreadPool, WakesSleepers) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    Naps naps;
    pool.run(naps, 1 + round % 3);
    EXPECT_EQ(naps.parts, 40);
    std::atomic<int> runs{0};
    pool.run([&](int thread) {
      if (thread == round % 3) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++runs;
    });
    EXPECT_EQ(runs, 3);
  }
}

TEST(ThreadPool, ManyMoreThreadsThanCpusStillEnds) {
  ThreadPool pool(32);
  Rows rows(50, 64, 32);
  pool.run(rows, 32);
  for (int64_t value : rows.result()) EXPECT_EQ(value, 50);
}

// Parts that take two microseconds by the clock.
class Busy : public ThreadPool::Phases {
 public:
  Busy(int phases, int parts) : left_(phases), parts_(parts) {}
  int next(int) override { return left_-- > 0 ? parts_ : 0; }
  void part(int, int) override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(2);
    while (std::chrono::steady_clock::now() < end) {
    }
  }

 private:
  int left_, parts_;
};

// What a phase costs beyond its parts, for docs/PERFORMANCE.md; printed, not judged: a busy machine gives any number.
TEST(ThreadPool, CostOfAPhase) {
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadPool pool(threads);
    constexpr int kPhases = 2000;
    double best = 1e9;
    for (int round = 0; round < 10; ++round) {
      Busy busy(kPhases, threads);
      const auto start = std::chrono::steady_clock::now();
      pool.run(busy, threads);
      const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
      best = std::min(best, taken.count() / kPhases - 2000);
    }
    std::printf("a phase of %d parts on %d threads: %.0f ns\n", threads, threads, best);
  }
}

TEST(ThreadPool, LeavesTheCallersAffinityAlone) {
  cpu_set_t before, after;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  ThreadPool pool(CPU_COUNT(&before));
  pool.run([](int) {});
  ASSERT_EQ(::sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

}  // namespace
}  // namespace hearth
