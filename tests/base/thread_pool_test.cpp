// Thread pool: every thread runs, barriers hold everyone back, nothing is lost over thousands of jobs.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
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

// Plain memory written before a barrier is read after it by others: a data race would be seen by TSan, a lost step by
// the sum.
TEST(ThreadPool, BarrierOrdersPlainWrites) {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    std::vector<int64_t> now(static_cast<size_t>(threads), 0), next = now;
    constexpr int kSteps = 3000;
    pool.run([&](int thread) {
      for (int step = 0; step < kSteps; ++step) {
        auto& from = step % 2 ? next : now;
        auto& to = step % 2 ? now : next;
        to[static_cast<size_t>(thread)] = from[static_cast<size_t>((thread + 1) % threads)] + 1;
        pool.barrier();
      }
    });
    for (int64_t value : now) EXPECT_EQ(value, kSteps);
  }
}

TEST(ThreadPool, BarrierRunsTheLoneSectionOnceBeforeAnyoneGoesOn) {
  ThreadPool pool(4);
  int64_t alone = 0;  // plain: only the barrier protects it
  std::atomic<int> wrong{0};
  pool.run([&](int) {
    for (int64_t step = 1; step <= 2000; ++step) {
      pool.barrier([&] { ++alone; });
      if (alone != step) ++wrong;
      pool.barrier();
    }
  });
  EXPECT_EQ(alone, 2000);
  EXPECT_EQ(wrong, 0);
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
TEST(ThreadPool, WakesSleepers) {
  ThreadPool pool(3);
  std::atomic<int> runs{0};
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.run([&](int thread) {
      if (thread == round % 3) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      pool.barrier();
      ++runs;
    });
  }
  EXPECT_EQ(runs, 15);
}

TEST(ThreadPool, ManyMoreThreadsThanCpusStillEnds) {
  ThreadPool pool(32);
  std::atomic<int> runs{0};
  pool.run([&](int) {
    for (int i = 0; i < 20; ++i) pool.barrier();
    ++runs;
  });
  EXPECT_EQ(runs, 32);
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
