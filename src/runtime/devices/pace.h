// Pace: how many threads a kind of work gets, found by running it with one choice and another, and asked again now and
// then.
//
// More threads are not always faster: another program may hold a CPU, memory may be the limit already, and small work
// loses more by meeting than it wins by sharing. The times of real launches say so; nothing is ever run twice or only
// to be measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hearth {

class Pace {
 public:
  // Counts worth trying up to `most`: all of few, ever sparser among many.
  static std::vector<int> choices_up_to(int most);

  // Starts at the choice nearest to `first`.
  Pace(std::vector<int> choices, int first);

  int threads() const { return choices_[trial_on_ ? other_ : best_]; }  // of the next launch
  int best() const { return choices_[best_]; }
  void took(int64_t ns);  // the launch with threads() has ended

 private:
  void begin_trial();
  void end_trial(bool won);
  void watch(double ns);
  void judge();

  std::vector<int> choices_;  // ascending
  size_t best_ = 0, other_ = 0;
  int step_ = -1;           // where the next trial looks: down or up
  bool comparing_ = false;  // launches alternate between best_ and other_
  bool trial_on_ = false;   // the next one is other_'s
  int pairs_ = 0, wins_ = 0;
  double best_ns_ = 0, best_sum_ = 0, other_sum_ = 0;
  int lost_ = 0;  // trials lost since the last change
  int64_t wait_ = 0, interval_ = 0;
  double usual_ns_ = 0;  // of best_, smoothed
  int strange_ = 0;      // launches in a row far from it
};

}  // namespace hearth
