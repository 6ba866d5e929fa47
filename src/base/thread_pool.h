// Thread pool: the caller and N-1 pinned workers run one job together; between steps of a job they meet at a barrier that spins,
// then sleeps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace hearth {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);              // >= 1; the calling thread of run() is thread 0
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // Calls job(thread) once on every thread; returns when all are done. Not reentrant.
  void run(const std::function<void(int thread)>& job);
  // Inside a job: waits until every thread has come here. All writes before are visible after.
  void barrier();
  // The same; the last thread to come runs `alone` before the others go on.
  void barrier(const std::function<void()>& alone);
  // Splits [0, count) into parts that threads take as they become free: body(first, last).
  void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t first, int64_t last)>& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
