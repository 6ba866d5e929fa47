// Sampler: weights are integers (2^40 for the best token), so sums are exact and a draw is the same on every machine.
//
// Cuts (top-k, top-p) go over a histogram of distances to the best logit: everything above the crossing bucket stays, only the
// crossing bucket is put in order. One token costs a few passes over the vocabulary, whatever the options are.
#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace hearth {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr size_t kLanes = 16;              // side by side, so that a compiler makes vectors of them
constexpr int kWeightBits = 40;
constexpr int kBuckets = 1024;
constexpr float kBucketsPerNat = 32.0f;

// 2^(-i/16) * 2^32
constexpr std::array<uint64_t, 16> kRoots = {4294967296, 4112874773, 3938502376, 3771522796, 3611622603, 3458501653,
                                             3311872529, 3171459999, 3037000500, 2908241642, 2784941738, 2666869345,
                                             2553802834, 2445529972, 2341847524, 2242560872};

// 2^40 * 2^(-distance * scale), where `scale` is log2(e) / temperature: one exact product, then integers only.
uint64_t weight_of(float distance, double scale) {
  const double power = static_cast<double>(distance) * scale;
  if (!(power < kWeightBits)) return 0;
  const uint64_t fixed = static_cast<uint64_t>(power * 4294967296.0);     // Q32
  const uint64_t whole = fixed >> 32, root = (fixed >> 28) & 15, rest = fixed & 0x0fffffff;
  // 2^-f = 1 - a + a^2/2 - a^3/6 + a^4/24 with a = f ln 2 < 0.0434, all in Q32
  const uint64_t a = (rest * 2977044472u) >> 32;
  const uint64_t a2 = (a * a) >> 32, a3 = (a2 * a) >> 32, a4 = (a3 * a) >> 32;
  const uint64_t series = (uint64_t{1} << 32) - a + a2 / 2 - a3 / 6 + a4 / 24;
  const uint64_t value = ((kRoots[root] * (series >> 1)) >> 31);          // Q32, <= 2^32
  return (value << (kWeightBits - 32)) >> whole;
}

int bucket_of(float distance) {
  const float scaled = distance * kBucketsPerNat;
  return scaled < kBuckets - 1 ? static_cast<int>(scaled) : kBuckets - 1;
}

uint64_t mix(uint64_t x) {                     // the finalizer of splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t random_bits(uint64_t seed, uint64_t step) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;
  return mix(mix(seed + kGolden) + (step + 1) * kGolden);
}

// Lowest id on ties; what is no number never wins. First the largest of each lane, side by side, then where it is.
int32_t best_of(std::span<const float> logits) {
  std::array<float, kLanes> most;
  most.fill(kForbidden);
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) most[lane] = logits[i + lane] > most[lane] ? logits[i + lane] : most[lane];
  }
  float best = kForbidden;
  for (const float value : most) best = value > best ? value : best;
  for (; i < logits.size(); ++i) best = logits[i] > best ? logits[i] : best;
  const auto at = std::find(logits.begin(), logits.end(), best);
  return at == logits.end() ? 0 : static_cast<int32_t>(at - logits.begin());
}

// A bound that at least `count` logits reach, found from the largest of each block; the lowest there is if blocks are too few.
float floor_of(std::span<const float> logits, size_t count) {
  constexpr size_t kBlock = 4;                   // rows of lanes: each lane keeps the largest of its column
  std::vector<float> most;
  most.reserve(logits.size() / kBlock + kLanes);
  for (size_t i = 0; i + kBlock * kLanes <= logits.size(); i += kBlock * kLanes) {
    std::array<float, kLanes> column;
    std::copy_n(logits.begin() + i, kLanes, column.begin());
    for (size_t row = 1; row < kBlock; ++row) {
      const float* next = logits.data() + i + row * kLanes;
      for (size_t lane = 0; lane < kLanes; ++lane) column[lane] = next[lane] > column[lane] ? next[lane] : column[lane];
    }
    most.insert(most.end(), column.begin(), column.end());
  }
  if (most.size() < count) return kForbidden;
  std::nth_element(most.begin(), most.begin() + static_cast<ptrdiff_t>(count) - 1, most.end(), std::greater<>());
  return most[count - 1];
}

// Appends the ids whose logits are at least `least`.
void collect(std::span<const float> logits, float least, std::vector<int32_t>& ids) {
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    int any = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) any |= logits[i + lane] >= least;
    if (any == 0) continue;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      if (logits[i + lane] >= least) ids.push_back(static_cast<int32_t>(i + lane));
    }
  }
  for (; i < logits.size(); ++i) {
    if (logits[i] >= least) ids.push_back(static_cast<int32_t>(i));
  }
}

// The best of the allowed ones; the first allowed one if nothing can be said of any.
int32_t best_allowed(std::span<const float> logits, std::span<const uint32_t> allowed) {
  int32_t best = -1;
  for (size_t word = 0; word < allowed.size(); ++word) {
    for (uint32_t bits = allowed[word]; bits != 0; bits &= bits - 1) {
      const auto id = static_cast<int32_t>(word * 32 + std::countr_zero(bits));
      if (id >= static_cast<int64_t>(logits.size())) break;
      if (best < 0 || logits[id] > logits[best] || (logits[best] != logits[best] && logits[id] == logits[id])) best = id;
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
  constexpr float kMost = std::numeric_limits<float>::max();
  const auto finite = [](float value) {
    const float bounded = value < kMost ? value : kMost;
    return value == value ? bounded : kForbidden;
  };
  to.resize(from.size());
  size_t i = 0;
  for (; i + kLanes <= from.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) to[i + lane] = finite(from[i + lane]);
  }
  for (; i < from.size(); ++i) to[i] = finite(from[i]);
}

void apply_bias(const std::map<int32_t, float>& bias, std::vector<float>& logits) {
  for (const auto& [id, value] : bias) {
    if (id < 0 || id >= static_cast<int64_t>(logits.size())) continue;
    const float sum = logits[id] + value;
    logits[id] = sum == sum ? std::min(sum, std::numeric_limits<float>::max()) : kForbidden;
  }
}

// Each distinct token of the window is punished once for being there and once per occurrence.
void apply_penalties(const SamplerOptions& options, std::span<const int32_t> history, std::vector<float>& logits) {
  if (options.repetition_penalty == 1 && options.frequency_penalty == 0 && options.presence_penalty == 0) return;
  if (options.penalty_window >= 0 && history.size() > static_cast<size_t>(options.penalty_window)) {
    history = history.last(options.penalty_window);
  }
  std::vector<int32_t> window(history.begin(), history.end());
  std::sort(window.begin(), window.end());
  for (size_t i = 0; i < window.size();) {
    size_t next = i;
    while (next < window.size() && window[next] == window[i]) ++next;
    const int32_t id = window[i];
    const double count = static_cast<double>(next - i);
    i = next;
    if (id < 0 || id >= static_cast<int64_t>(logits.size()) || logits[id] == kForbidden) continue;
    double logit = logits[id];           // in double every product here is exact, so a fused multiply-add changes nothing
    logit = logit > 0 ? logit / options.repetition_penalty : logit * options.repetition_penalty;
    logit -= count * options.frequency_penalty;
    logit -= options.presence_penalty;
    logits[id] = static_cast<float>(logit);
  }
}

constexpr double kLog2e = 1.4426950408889634;

uint64_t share(float part, uint64_t total) {
  return static_cast<uint64_t>(std::ceil(static_cast<double>(part) * static_cast<double>(total)));
}

// How much a cut keeps: so many, or this part of all.
struct Kept {
  uint64_t amount = 0;
  float part = 0;
};

// Keeps the candidates of `order` in descending order of logit until enough of `measure` is reached (the one that reaches it
// stays; ties go to the lower id). `order` stays ascending by id.
template <class Measure>
void cut(std::span<const float> logits, float best, Kept want, const Measure& measure, std::vector<int32_t>& order) {
  std::array<uint64_t, kBuckets> sums{};
  for (int32_t id : order) sums[bucket_of(best - logits[id])] += measure(id);
  const uint64_t total = std::accumulate(sums.begin(), sums.end(), uint64_t{0});
  const uint64_t amount = want.amount > 0 ? want.amount : std::max<uint64_t>(1, share(want.part, total));
  uint64_t above = 0;
  int crossing = 0;
  while (crossing < kBuckets && above + sums[crossing] < amount) above += sums[crossing++];
  if (crossing == kBuckets) return;                   // all of them are not enough

  std::vector<int32_t> members;
  std::erase_if(order, [&](int32_t id) {
    const int bucket = bucket_of(best - logits[id]);
    if (bucket == crossing) members.push_back(id);
    return bucket >= crossing;
  });
  std::sort(members.begin(), members.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  for (size_t i = 0; i < members.size() && above < amount; ++i) {
    above += measure(members[i]);
    order.push_back(members[i]);
  }
  std::sort(order.begin(), order.end());
}

// The largest distance at which a token still weighs `least`; the weight falls with distance, so halving finds it.
float reach_of(uint64_t least, float most) {
  float near = 0, far = most;
  if (weight_of(far, kLog2e) >= least) return far;
  for (float middle = far / 2; middle > near && middle < far; middle = near + (far - near) / 2) {
    (weight_of(middle, kLog2e) >= least ? near : far) = middle;
  }
  return near;
}

}  // namespace

Sampler::Sampler(SamplerOptions options) : options_(std::move(options)) {}

bool Sampler::is_plain() const {
  const bool greedy = !(options_.temperature > 0) || options_.top_k == 1;
  return greedy && options_.logit_bias.empty() && options_.repetition_penalty == 1 && options_.frequency_penalty == 0 &&
         options_.presence_penalty == 0;
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> history, uint64_t step,
                        std::span<const uint32_t> allowed) {
  if (logits.empty()) return 0;
  if (is_plain()) return allowed.empty() ? best_of(logits) : best_allowed(logits, allowed);
  copy_finite(logits, logits_);
  apply_bias(options_.logit_bias, logits_);
  apply_penalties(options_, history, logits_);
  if (!allowed.empty()) forbid_others(allowed, logits_);
  const int32_t top = allowed.empty() ? best_of(logits_) : best_allowed(logits_, allowed);
  const float best = logits_[top];
  if (!(options_.temperature > 0) || options_.top_k == 1 || best == kForbidden) return top;

  // Candidates that can be drawn at all: what weighs nothing at both temperatures never comes back.
  const double heat = std::max(1.0, static_cast<double>(options_.temperature));
  const float reach = static_cast<float>(kWeightBits / kLog2e * heat);
  order_.clear();
  const float floor = options_.top_k > 0 ? floor_of(logits_, static_cast<size_t>(options_.top_k)) : kForbidden;
  collect(logits_, floor, order_);
  std::erase_if(order_, [&](int32_t id) { return !(best - logits_[id] <= reach); });
  const auto weight = [&](int32_t id) { return weight_of(best - logits_[id], kLog2e); };
  if (options_.top_k > 0 && static_cast<size_t>(options_.top_k) < order_.size()) {
    cut(logits_, best, {.amount = static_cast<uint64_t>(options_.top_k)}, [](int32_t) { return uint64_t{1}; }, order_);
  }
  if (options_.top_p < 1) cut(logits_, best, {.part = std::max(options_.top_p, 0.0f)}, weight, order_);
  if (options_.min_p > 0) {
    const float farthest = reach_of(share(std::min(options_.min_p, 1.0f), uint64_t{1} << kWeightBits), reach);
    std::erase_if(order_, [&](int32_t id) { return best - logits_[id] > farthest; });
  }

  const double scale = kLog2e / static_cast<double>(options_.temperature);
  uint64_t total = 0;
  weights_.clear();
  for (int32_t id : order_) total += weights_.emplace_back(weight_of(best - logits_[id], scale));
  const uint64_t draw =
      static_cast<uint64_t>((static_cast<unsigned __int128>(random_bits(options_.seed, step)) * total) >> 64);
  uint64_t sum = 0;
  for (size_t i = 0; i < order_.size(); ++i) {
    sum += weights_[i];
    if (draw < sum) return order_[i];
  }
  return top;
}

}  // namespace hearth
