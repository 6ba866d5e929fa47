// Meter: where the threads of a launch spent their time, kernel by kernel; each thread writes a slot of its own.
//
// All time is that of threads. A kernel that one thread ran while the others waited counts for all of them, and what
// they waited for it is taken off the waiting: so kernels and waiting add up to the launch's time times its threads.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "runtime/device.h"

namespace hearth {

class Meter {
 public:
  using Clock = std::chrono::steady_clock;

  Meter(int threads, size_t kernels) : slots_(static_cast<size_t>(threads)) {
    for (Slot& slot : slots_) slot.kernel_ns.resize(kernels);
  }
  void start() {
    const auto now = Clock::now();
    for (Slot& slot : slots_) slot.mark = now;
  }
  // Adds the slots of a launch on `active` threads to `into`, as if that had been all threads, and clears them.
  void end(Measured& into, int active);
  static int64_t ns(Clock::duration time) { return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count(); }

 private:
  friend class Lap;
  struct alignas(64) Slot {
    Clock::time_point mark;  // until when this thread's time is counted
    std::vector<int64_t> kernel_ns;
    int64_t waiting_ns = 0;
  };

  std::vector<Slot> slots_;
};

// One thread's hand on the meter; does nothing without one.
class Lap {
 public:
  Lap(Meter* meter, int thread, int active)
      : meter_(meter),
        thread_(static_cast<size_t>(thread)),
        active_(active),
        alone_since_(meter ? Meter::Clock::now() : Meter::Clock::time_point()) {}

  // What has passed since the last word of this thread was waiting, or work in a kernel.
  void waited() const {
    if (meter_) slot().waiting_ns += passed();
  }
  void ran(int kernel) const {
    if (meter_) slot().kernel_ns[static_cast<size_t>(kernel)] += passed();
  }
  // The same for a kernel that the others wait for, begun when this lap began or the last such kernel ended.
  void ran_alone(int kernel) {
    if (!meter_) return;
    const auto now = Meter::Clock::now();
    const int64_t of_all = Meter::ns(now - alone_since_) * active_;
    slot().kernel_ns[static_cast<size_t>(kernel)] += of_all;
    slot().waiting_ns -= of_all;
    alone_since_ = now;
  }

 private:
  Meter::Slot& slot() const { return meter_->slots_[thread_]; }
  int64_t passed() const {
    const auto now = Meter::Clock::now();
    const int64_t ns = Meter::ns(now - slot().mark);
    slot().mark = now;
    return ns;
  }

  Meter* meter_;
  size_t thread_;
  int64_t active_;  // threads of this launch
  Meter::Clock::time_point alone_since_;
};

inline void Meter::end(Measured& into, int active) {
  const auto now = Clock::now();
  const auto all = static_cast<int64_t>(slots_.size());
  into.threads = static_cast<int>(all);
  into.kernel_ns.resize(std::max(into.kernel_ns.size(), slots_[0].kernel_ns.size()));
  for (size_t thread = 0; thread < static_cast<size_t>(active); ++thread) {
    Slot& slot = slots_[thread];
    into.waiting_ns += (std::exchange(slot.waiting_ns, 0) + ns(now - slot.mark)) * all / active;
    for (size_t i = 0; i < slot.kernel_ns.size(); ++i)
      into.kernel_ns[i] += std::exchange(slot.kernel_ns[i], 0) * all / active;
  }
}

}  // namespace hearth
