// Thread pool: the caller and N-1 workers run jobs together, phase by phase; a phase ends when its parts are done, not
// when every thread has come by, so a thread that lost its CPU delays nobody unless it holds a part.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace hearth {

class ThreadPool {
 public:
  // A job in phases. No two calls of next() overlap, and none overlaps a part: all writes before are visible after.
  class Phases {
   public:
    // Every part so far is done: prepares the next phase and returns how many parts it has (at most kMostParts); 0: the
    // job is done. Runs on one thread while the others wait: work too small to share is done here.
    virtual int next(int thread) = 0;
    // Part 0 .. parts-1 of the phase, each once, on any thread.
    virtual void part(int part, int thread) = 0;

   protected:
    ~Phases() = default;
  };
  static constexpr int kMostThreads = 1024;
  static constexpr int kMostParts = (1 << 20) - 4096;

  explicit ThreadPool(int threads);  // 1 to kMostThreads; the calling thread of run() is thread 0
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // Runs all phases on threads 0 .. active-1; the others sleep on. Not reentrant, as are all jobs of a pool.
  void run(Phases& phases, int active);
  // Calls job(thread) once on every thread; returns when all are done.
  void run(const std::function<void(int thread)>& job);
  // Splits [0, count) into parts that threads take as they become free: body(first, last).
  void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t first, int64_t last)>& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
