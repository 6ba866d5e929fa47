// Running: counts what still works for a server, so that its end can wait for the last of it.
#pragma once

#include <condition_variable>
#include <mutex>

namespace hearth {

class Running {
 public:
  // Held by one piece of work as long as it lasts.
  class Mark {
   public:
    explicit Mark(Running& running) : running_(running) {
      const std::lock_guard lock(running_.mutex_);
      ++running_.count_;
    }
    ~Mark() {
      const std::lock_guard lock(running_.mutex_);
      if (--running_.count_ == 0) running_.none_.notify_all();
    }
    Mark(const Mark&) = delete;

   private:
    Running& running_;
  };

  void wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [&] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  int count_ = 0;
};

}  // namespace hearth
