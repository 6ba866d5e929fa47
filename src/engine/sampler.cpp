// Sampler: weights are integers (2^30 for the best token), so sums are exact and a draw is the same on every machine.
//
// Where peaks tell enough, only groups that matter are looked at; else all are scanned. Both ways give the same token.
//
// Nothing is copied unless logits must be changed. Top-k looks at candidates only: a bound that at least k logits reach
// comes from the largest of some columns. Without top-k one pass weighs all; top-p then drops what all together cannot
// reach its tail. Weights (weights.h) are products and sums of floats in a fixed order; this file is compiled without fused
// multiply-add.
#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/scan.h"
#include "engine/weights.h"

namespace hearth {
namespace {

constexpr int kBuckets = 256;
constexpr float kBucketsPerNat = 8.0f;
constexpr float kLog2e = 1.44269504f;

int bucket_of(float distance) {
  const float scaled = distance * kBucketsPerNat;
  return scaled < kBuckets - 1 ? static_cast<int>(scaled) : kBuckets - 1;
}

uint64_t mix(uint64_t x) {  // the finalizer of splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t random_bits(uint64_t seed, uint64_t step) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;
  return mix(mix(seed + kGolden) + (step + 1) * kGolden);
}

// The best of the allowed ones; the first allowed one if nothing can be said of any.
int32_t best_allowed(std::span<const float> logits, std::span<const uint32_t> allowed) {
  int32_t best = -1;
  for (size_t word = 0; word < allowed.size(); ++word) {
    for (uint32_t bits = allowed[word]; bits != 0; bits &= bits - 1) {
      const auto id = static_cast<int32_t>(word * 32 + std::countr_zero(bits));
      if (id >= static_cast<int64_t>(logits.size())) break;
      if (best < 0 || logits[id] > logits[best] || (logits[best] != logits[best] && logits[id] == logits[id]))
        best = id;
    }
  }
  return std::max(best, 0);
}

void forbid_others(std::span<const uint32_t> allowed, std::vector<float>& logits) {
  for (size_t id = 0; id < logits.size(); ++id) {
    if ((allowed[id / 32] >> (id % 32) & 1) == 0) logits[id] = kForbidden;
  }
}

// Copies logits; what is no number is forbidden, infinity becomes the largest number.
void copy_finite(std::span<const float> from, std::vector<float>& to) {
  to.resize(from.size());
  size_t i = 0;
  for (; i + kLanes <= from.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) to[i + lane] = finite(from[i + lane]);
  }
  for (; i < from.size(); ++i) to[i] = finite(from[i]);
}

// Ids whose logits bias and penalties change.
struct Changed {
  std::vector<int32_t> biased, window;  // the window's in order, as often as they were said
};

Changed changed_by(const SamplerOptions& options, std::span<const int32_t> history, size_t vocabulary) {
  Changed changed;
  const auto add = [&](std::vector<int32_t>& ids, int32_t id) {
    if (id >= 0 && id < static_cast<int64_t>(vocabulary)) ids.push_back(id);
  };
  for (const auto& [id, value] : options.logit_bias) add(changed.biased, id);
  if (options.repetition_penalty == 1 && options.frequency_penalty == 0 && options.presence_penalty == 0) return changed;
  if (options.penalty_window >= 0 && history.size() > static_cast<size_t>(options.penalty_window)) {
    history = history.last(options.penalty_window);
  }
  for (const int32_t id : history) add(changed.window, id);
  std::sort(changed.window.begin(), changed.window.end());
  return changed;
}

// Bias first; then each distinct token of the window is punished once for being there and once per occurrence. `at`: an
// id's logit.
template <class At>
void change(const SamplerOptions& options, const Changed& changed, const At& at) {
  for (const int32_t id : changed.biased) {
    const float sum = at(id) + options.logit_bias.at(id);
    at(id) = sum == sum ? std::min(sum, kMost) : kForbidden;
  }
  const std::vector<int32_t>& window = changed.window;
  for (size_t i = 0; i < window.size();) {
    size_t next = i;
    while (next < window.size() && window[next] == window[i]) ++next;
    const int32_t id = window[i];
    const double count = static_cast<double>(next - i);
    i = next;
    if (at(id) == kForbidden) continue;
    double logit = at(id);  // in double every product here is exact, so a fused multiply-add changes nothing
    logit = logit > 0 ? logit / options.repetition_penalty : logit * options.repetition_penalty;
    logit -= count * options.frequency_penalty;
    logit -= options.presence_penalty;
    at(id) = static_cast<float>(logit);
  }
}

uint64_t share(float part, uint64_t total) {
  return static_cast<uint64_t>(std::ceil(static_cast<double>(part) * static_cast<double>(total)));
}

uint32_t weight_of(float distance, float scale) {
  Lanes distances{};
  distances[0] = distance;
  std::array<uint32_t, kLanes> weights;
  weigh(distances.data(), scale, weights.data());
  return weights[0];
}

// The largest distance at which a token still weighs `least`; the weight falls with distance, so halving finds it.
float reach_of(uint64_t least) {
  float near = 0, far = 64;
  for (float middle = far / 2; middle > near && middle < far; middle = near + (far - near) / 2) {
    (weight_of(middle, kLog2e) >= least ? near : far) = middle;
  }
  return near;
}

// Below all logits whose distance is, rounded, no larger than the floor's: which of them stay is not the floor's choice.
float below(float floor, float best) {
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  if (floor == kForbidden) return kLowest;
  const float distance = std::nextafter(best - std::min(floor, kMost), -kForbidden);
  return std::max(std::nextafter(best - distance, kForbidden), kLowest);
}

}  // namespace

Sampler::Sampler(SamplerOptions options) : options_(std::move(options)) {
  if (options_.min_p > 0) farthest_ = reach_of(share(std::min(options_.min_p, 1.0f), uint64_t{1} << kWeightBits));
}

bool Sampler::is_greedy() const { return !(options_.temperature > 0) || options_.top_k == 1; }

// Finite, so that the best weighs most.
float Sampler::scale() const { return std::min(kLog2e / options_.temperature, 1e30f); }

bool Sampler::changes_logits() const {
  return !options_.logit_bias.empty() || options_.repetition_penalty != 1 || options_.frequency_penalty != 0 ||
         options_.presence_penalty != 0;
}

// Candidates in descending order of logit are kept until enough of `amount` is reached (the one that reaches it stays;
// ties go to the lower id). `weights`: what each brings, null: one. Candidates stay ascending by id.
void Sampler::cut(uint64_t amount, const uint32_t* weights) {
  std::array<uint64_t, kBuckets> sums{};
  for (size_t i = 0; i < ids_.size(); ++i) sums[bucket_of(distances_[i])] += weights == nullptr ? 1 : weights[i];
  uint64_t above = 0;
  int crossing = 0;
  while (crossing < kBuckets && above + sums[crossing] < amount) above += sums[crossing++];
  if (crossing == kBuckets) return;  // all of them are not enough
  members_.clear();
  for (size_t i = 0; i < ids_.size(); ++i) {
    if (bucket_of(distances_[i]) == crossing) members_.push_back(i);
  }
  const auto before = [&](size_t a, size_t b) {
    return distances_[a] != distances_[b] ? distances_[a] < distances_[b] : a < b;
  };
  std::sort(members_.begin(), members_.end(), before);
  size_t last = 0;
  while (last + 1 < members_.size() && (above += weights == nullptr ? 1 : weights[members_[last]]) < amount) ++last;
  const size_t limit = members_[last];
  const float farthest = distances_[limit];
  keep([&](size_t i) { return distances_[i] < farthest || (distances_[i] == farthest && i <= limit); });
}

template <class Is>
void Sampler::keep(const Is& is_kept) {
  size_t kept = 0;
  for (size_t i = 0; i < ids_.size(); ++i) {
    if (!is_kept(i)) continue;
    ids_[kept] = ids_[i];
    distances_[kept++] = distances_[i];
  }
  ids_.resize(kept);
  distances_.resize(kept);
}

void Sampler::weigh_candidates(float scale) {
  const size_t padded = (ids_.size() + kLanes - 1) / kLanes * kLanes;
  distances_.resize(padded, -kForbidden);
  weights_.resize(padded);
  for (size_t i = 0; i < padded; i += kLanes) weigh(distances_.data() + i, scale, weights_.data() + i);
  distances_.resize(ids_.size());
}

void Sampler::gather(std::span<const float> logits, float best, float least) {
  ids_.clear();
  distances_.clear();
  if (logits.empty()) {
    peaks_.gather(least, ids_, distances_);
    for (float& distance : distances_) distance = best - distance;
    return;
  }
  collect(logits, least, ids_);
  for (const int32_t id : ids_) distances_.push_back(best - std::min(logits[id], kMost));
}

// Draws from all: sums of blocks first, then the block in which the draw falls.
int32_t Sampler::draw_from_all(std::span<const float> logits, float best, float scale, uint64_t random) {
  sum_blocks(logits, best, scale, sums_);
  const uint64_t total = std::accumulate(sums_.begin(), sums_.end(), uint64_t{0});
  auto draw = static_cast<uint64_t>((static_cast<unsigned __int128>(random) * total) >> 64);
  size_t block = 0;
  while (draw >= sums_[block]) draw -= sums_[block++];
  const auto first = block * kBlock;
  int32_t id = 0;
  each_block(logits.subspan(first, std::min(kBlock, logits.size() - first)), best, scale,
             [&](size_t, size_t, const auto&, const auto& weights) {
               size_t i = 0;
               while (draw >= weights[i]) draw -= weights[i++];
               id = static_cast<int32_t>(first + i);
             });
  return id;
}

// The candidates that top-k, top-p and min-p leave; without logits, those that peaks_ leads to.
void Sampler::choose_candidates(std::span<const float> logits, float best, bool has_top_k) {
  const auto k = static_cast<size_t>(std::max(options_.top_k, 0));
  const float top_p = std::max(options_.top_p, 0.0f);
  uint64_t total = 0;
  if (has_top_k) {
    gather(logits, best, below(floor_of(columns_, k), best));
    if (k < ids_.size()) cut(k, nullptr);
  } else if (top_p < 1) {
    // Tokens lighter than the tail's share of one token cannot, all together, weigh more than the tail.
    sum_blocks(logits, best, kLog2e, sums_);
    total = std::accumulate(sums_.begin(), sums_.end(), uint64_t{0});
    const double light =
        (1.0 - static_cast<double>(top_p)) * static_cast<double>(total) / static_cast<double>(logits.size());
    const double reach = (kWeightBits - std::log2(std::max(light * 0.99, 0.4))) * 0.6931472 + 0.01;
    gather(logits, best, static_cast<float>(static_cast<double>(best) - reach));
  } else {
    gather(logits, best, std::nextafter(best - farthest_, kForbidden));
  }
  if (top_p < 1) {
    weigh_candidates(kLog2e);
    if (has_top_k) total = std::accumulate(weights_.begin(), weights_.end(), uint64_t{0});
    cut(std::max<uint64_t>(1, share(top_p, total)), weights_.data());
  }
  if (options_.min_p > 0) keep([&](size_t i) { return distances_[i] <= farthest_; });
}

int32_t Sampler::draw_candidate(float scale, uint64_t random) {
  weigh_candidates(scale);
  const uint64_t total = std::accumulate(weights_.begin(), weights_.end(), uint64_t{0});
  auto draw = static_cast<uint64_t>((static_cast<unsigned __int128>(random) * total) >> 64);
  size_t i = 0;
  while (draw >= weights_[i]) draw -= weights_[i++];
  return ids_[i];
}

// Nothing where all logits are needed, or where the best is none that a bound can be taken from.
std::optional<int32_t> Sampler::sample_by_peaks(const Logits& row, std::span<const int32_t> history, uint64_t step,
                                                std::span<const uint32_t> allowed) {
  const bool has_top_k = options_.top_k > 0 && static_cast<size_t>(options_.top_k) < row.values.size();
  if (!is_greedy() && has_top_k && static_cast<size_t>(options_.top_k) > row.peaks.size() / 2) return std::nullopt;
  if (!is_greedy() && !has_top_k && (options_.top_p < 1 || !(options_.min_p > 0))) return std::nullopt;
  peaks_.show(row.values, row.peaks);
  if (changes_logits()) {
    const Changed changed = changed_by(options_, history, row.values.size());
    std::vector<int32_t> ids = changed.biased;
    ids.insert(ids.end(), changed.window.begin(), changed.window.end());
    peaks_.copy_groups_of(ids);
    change(options_, changed, [&](int32_t id) -> float& { return peaks_.at(id); });
  }
  if (is_greedy() && !allowed.empty()) {
    const int32_t id = peaks_.best_allowed(allowed);
    return id < 0 ? std::nullopt : std::optional(id);
  }
  peaks_.take_in(allowed);
  if (has_top_k && !is_greedy()) columns_of(peaks_.peaks(), static_cast<size_t>(options_.top_k), columns_);
  const float best = most_of(has_top_k && !is_greedy() ? std::span<const float>(columns_) : peaks_.peaks());
  if (!(best > kForbidden && best < kMost)) return std::nullopt;
  if (is_greedy()) return peaks_.find(best);
  choose_candidates({}, best, has_top_k);
  return draw_candidate(scale(), random_bits(options_.seed, step));
}

int32_t Sampler::sample(const Logits& row, std::span<const int32_t> history, uint64_t step,
                        std::span<const uint32_t> allowed) {
  if (!row.peaks.empty() && !row.values.empty()) {
    if (const auto id = sample_by_peaks(row, history, step, allowed)) return *id;
  }
  return sample(row.values, history, step, allowed);
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> history, uint64_t step,
                        std::span<const uint32_t> allowed) {
  if (logits.empty()) return 0;
  if (is_greedy() && !changes_logits()) return allowed.empty() ? best_of(logits) : best_allowed(logits, allowed);
  if (changes_logits() || !allowed.empty()) {
    copy_finite(logits, logits_);
    change(options_, changed_by(options_, history, logits.size()), [&](int32_t id) -> float& { return logits_[id]; });
    if (!allowed.empty()) forbid_others(allowed, logits_);
    logits = logits_;
  }
  if (is_greedy()) return allowed.empty() ? best_of(logits) : best_allowed(logits, allowed);
  const bool has_top_k = options_.top_k > 0 && static_cast<size_t>(options_.top_k) < logits.size();
  if (has_top_k) columns_of(logits, static_cast<size_t>(options_.top_k), columns_);
  const float best = std::min(has_top_k ? most_of(columns_) : most_of(logits), kMost);
  if (best == kForbidden) return allowed.empty() ? 0 : best_allowed(logits, allowed);

  const uint64_t random = random_bits(options_.seed, step);
  if (!has_top_k && !(options_.top_p < 1) && !(options_.min_p > 0)) return draw_from_all(logits, best, scale(), random);
  choose_candidates(logits, best, has_top_k);
  return draw_candidate(scale(), random);
}

}  // namespace hearth
