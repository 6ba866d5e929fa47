// Pace: climbs from the best count so far to its neighbours by pairs of launches; the better wins, and a loss makes it
// wait longer.
#include "runtime/devices/pace.h"

#include <algorithm>
#include <cmath>

namespace hearth {
namespace {

constexpr int kWarmUp = 2;                         // launches that only touch memory first
constexpr int kPairs = 3;                          // of one trial
constexpr double kWorthIt = 0.97;                  // of the other's time, to change
constexpr double kHopeless = 1.12;                 // a first pair this much slower ends the trial
constexpr int64_t kShortest = 24, kLongest = 384;  // launches between trials: at the longest a trial costs a thousandth
constexpr double kStrange = 1.3;  // so far from the usual time, kStrangeRow times in a row: the machine has changed
constexpr int kStrangeRow = 3;

}  // namespace

std::vector<int> Pace::choices_up_to(int most) {
  std::vector<int> choices;
  for (int count = most; count >= 1; count -= std::max(1, count / 8)) choices.push_back(count);
  std::reverse(choices.begin(), choices.end());
  return choices;
}

Pace::Pace(std::vector<int> choices, int first) : choices_(std::move(choices)), wait_(kWarmUp), interval_(kShortest) {
  for (size_t i = 0; i < choices_.size(); ++i)
    if (std::abs(choices_[i] - first) <= std::abs(choices_[best_] - first)) best_ = i;
}

void Pace::took(int64_t ns) {
  const double time = static_cast<double>(std::max<int64_t>(1, ns));
  if (choices_.size() == 1) return;
  if (!comparing_) {
    watch(time);
    if (--wait_ <= 0) begin_trial();
    return;
  }
  if (!trial_on_) {
    best_ns_ = time;
    trial_on_ = true;
    return;
  }
  trial_on_ = false;
  ++pairs_;
  wins_ += time < best_ns_;
  best_sum_ += best_ns_;
  other_sum_ += time;
  judge();
}

void Pace::begin_trial() {
  const bool up = step_ > 0;
  if (up ? best_ + 1 == choices_.size() : best_ == 0) step_ = -step_;
  other_ = step_ > 0 ? best_ + 1 : best_ - 1;
  comparing_ = true;
  pairs_ = wins_ = 0;
  best_sum_ = other_sum_ = 0;
}

// One slow launch must not decide: the other has to be faster in sum and in most pairs.
void Pace::judge() {
  if (pairs_ == 1 && other_sum_ > kHopeless * best_sum_) return end_trial(false);
  if (pairs_ == kPairs) end_trial(2 * wins_ > kPairs && other_sum_ < kWorthIt * best_sum_);
}

void Pace::end_trial(bool won) {
  comparing_ = false;
  if (won) {
    best_ = other_;
    usual_ns_ = other_sum_ / pairs_;
    interval_ = kShortest;
    lost_ = 0;
    wait_ = 1;  // on the same way
    return;
  }
  step_ = -step_;
  const bool has_other_side = step_ > 0 ? best_ + 1 < choices_.size() : best_ > 0;
  lost_ += has_other_side ? 1 : 2;
  // The other side is tried soon, then both ever more rarely.
  wait_ = lost_ == 1 ? 1 : interval_;
  if (lost_ > 1) interval_ = std::min(2 * interval_, kLongest);
}

void Pace::watch(double ns) {
  const bool far = usual_ns_ > 0 && (ns > kStrange * usual_ns_ || ns * kStrange < usual_ns_);
  strange_ = far ? strange_ + 1 : 0;
  if (strange_ >= kStrangeRow) {
    strange_ = 0;
    usual_ns_ = ns;
    interval_ = kShortest;
    lost_ = 0;
    step_ = -1;  // more often a CPU is taken than given back; the other way comes next
    wait_ = 1;
  } else if (!far) {
    usual_ns_ += usual_ns_ > 0 ? (ns - usual_ns_) / 8 : ns;
  }
}

}  // namespace hearth
