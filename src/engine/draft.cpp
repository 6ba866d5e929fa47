// Drafts: n-grams that occurred before, and how long a draft pays.
#include "engine/draft.h"

#include <algorithm>
#include <cmath>

namespace hearth {
namespace {

constexpr double kDecay = 0.9;                   // of what was seen of acceptance, a token
constexpr double kGain = 1.05;                   // a draft must be so much faster than none
constexpr double kPays = 1.02;                   // less is noise
constexpr size_t kSearched = 8192;               // ids that are looked at, from the end
constexpr double kNew = 0.2;                     // weight of a new measurement of a step

class PromptLookup : public Drafter {
 public:
  PromptLookup(int shortest, int longest) : shortest_(std::max(1, shortest)), longest_(std::max(shortest_, longest)) {}
  Result<Done> propose(std::span<DraftJob> jobs) override {
    for (DraftJob& job : jobs) draft(job);
    return Done{};
  }
  void forget(uint64_t) override {}

 private:
  // The occurrence that shares the most ids before it, at most `longest_`; the latest of them.
  void draft(DraftJob& job) const {
    const auto all = job.ids.size() > kSearched ? job.ids.last(kSearched) : job.ids;
    const auto size = static_cast<int64_t>(all.size());
    int64_t best = 0, from = 0;
    for (int64_t end = size - 1; end > 0 && best < longest_; --end) {      // ids before `end` may equal those at the end
      int64_t same = 0;
      while (same < longest_ && same < end && all[end - 1 - same] == all[size - 1 - same]) ++same;
      if (same <= best) continue;
      best = same;
      from = end;
    }
    if (best < shortest_) return;
    for (int64_t i = from; i < size && static_cast<int>(job.draft.size()) < job.most; ++i) job.draft.push_back(all[i]);
  }

  int shortest_, longest_;
};

// Row counts that share a measurement: all up to 8, then eighths of a power of two.
int64_t bucket_of(int64_t rows) {
  int64_t step = 1;
  while (rows > 8 * step) step *= 2;
  return (rows + step - 1) / step * step;
}

}  // namespace

std::unique_ptr<Drafter> prompt_lookup(int shortest, int longest) { return std::make_unique<PromptLookup>(shortest, longest); }

int DraftLength::choose(std::span<const double> cost) const {
  int best = 0;
  double most = kGain;
  double tokens = 1, chance = 1;                 // expected tokens of a step with k drafts: 1 + a + a^2 ..
  for (int k = 1; k <= most_ && k < static_cast<int>(cost.size()); ++k) {
    chance *= acceptance_;
    tokens += chance;
    const double gain = tokens / std::max(cost[k], 1e-3);
    if (gain <= most) continue;
    most = gain;
    best = k;
  }
  return best;
}

void DraftGate::leave() {
  state_ = probes_ ? State::probing : State::open;
  since_ = judged_ = dull_ = 0;
  worth_ms_ = took_ms_ = 0;
}

void DraftGate::close() {
  state_ = State::closed;
  since_ = 0;
}

DraftGate::Say DraftGate::ask(bool would_pay) {
  if (state_ == State::closed) {
    if (++since_ < pause_) return Say::no;
    pause_ = std::min(pause_ * 2, kLongest);
    leave();
  }
  if (state_ == State::probing) {
    if (++since_ <= kProbes) return Say::probe;
    if (!would_pay) return close(), Say::no;
    state_ = State::open;
  }
  dull_ = would_pay ? 0 : dull_ + 1;
  if (probes_ && dull_ > kDull) return close(), Say::no;
  if (++drafted_ % kFresh == 0) return Say::no;
  return would_pay ? Say::yes : Say::no;
}

void DraftGate::observe(double worth_ms, double took_ms) {
  if (state_ != State::open) return;
  worth_ms_ += worth_ms;
  took_ms_ += took_ms;
  if (++judged_ < kTrial) return;
  const bool pays = worth_ms_ > took_ms_ * kPays;
  judged_ = 0;
  worth_ms_ = took_ms_ = 0;
  if (!pays) return close();
  pause_ = std::max(kShortest, pause_ / 2);
}

// Tokens up to the first wrong one were tried.
void DraftLength::observe(int drafted, int accepted) {
  for (int i = 0; i < drafted && i <= accepted; ++i) {
    acceptance_ = acceptance_ * kDecay + (i < accepted ? 1 - kDecay : 0);
  }
}

void StepTimes::observe(int64_t rows, double ms) {
  double& mean = ms_[bucket_of(rows)];
  mean = mean == 0 ? ms : mean + kNew * (ms - mean);
}

double StepTimes::at(int64_t rows) const {
  if (ms_.empty()) return 0;
  const auto above = ms_.lower_bound(rows);
  if (above != ms_.end() && above->first == bucket_of(rows)) return above->second;
  if (above == ms_.begin()) return above->second;
  const auto below = std::prev(above);
  if (above == ms_.end()) return below->second;          // nothing larger was seen: be bold, it will be measured
  const double part = static_cast<double>(rows - below->first) / static_cast<double>(above->first - below->first);
  return below->second + part * (above->second - below->second);
}

}  // namespace hearth
