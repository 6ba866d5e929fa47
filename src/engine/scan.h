// Scans of logits, sixteen side by side so that a compiler makes vectors of them; what is no number is never the largest.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace hearth {

inline constexpr float kForbidden = -std::numeric_limits<float>::infinity();
inline constexpr float kMost = std::numeric_limits<float>::max();  // what infinity counts as
inline constexpr size_t kLanes = 16;
inline constexpr size_t kColumns = 4;  // for each candidate wanted

using Lanes = std::array<float, kLanes>;

inline float finite(float value) {
  const float bounded = value < kMost ? value : kMost;
  return value == value ? bounded : kForbidden;
}

// The largest, what is no number left out.
inline float most_of(std::span<const float> logits) {
  Lanes most;
  most.fill(kForbidden);
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane)
      most[lane] = logits[i + lane] > most[lane] ? logits[i + lane] : most[lane];
  }
  float best = kForbidden;
  for (const float value : most) best = value > best ? value : best;
  for (; i < logits.size(); ++i) best = logits[i] > best ? logits[i] : best;
  return best;
}

// Lowest id on ties.
inline int32_t best_of(std::span<const float> logits) {
  const float best = most_of(logits);
  for (size_t i = 0; i + kLanes <= logits.size(); i += kLanes) {
    int any = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) any |= logits[i + lane] == best;
    if (any != 0)
      return static_cast<int32_t>(std::find(logits.begin() + static_cast<ptrdiff_t>(i), logits.end(), best) -
                                  logits.begin());
  }
  const auto rest = logits.end() - static_cast<ptrdiff_t>(logits.size() % kLanes);
  const auto at = std::find(rest, logits.end(), best);
  return at == logits.end() ? 0 : static_cast<int32_t>(at - logits.begin());
}

// The largest logits of columns, kColumns for each of `count` where there are enough.
inline void columns_of(std::span<const float> logits, size_t count, std::vector<float>& most) {
  const size_t rows = logits.size() / kLanes;
  const size_t groups = std::clamp<size_t>((count * kColumns + kLanes - 1) / kLanes, 1, std::max<size_t>(rows, 1));
  most.clear();
  for (size_t group = 0; group < groups; ++group) {
    Lanes column;
    column.fill(kForbidden);
    for (size_t row = rows * group / groups; row < rows * (group + 1) / groups; ++row) {
      const float* next = logits.data() + row * kLanes;
      for (size_t lane = 0; lane < kLanes; ++lane) column[lane] = next[lane] > column[lane] ? next[lane] : column[lane];
    }
    most.insert(most.end(), column.begin(), column.end());
  }
  most.insert(most.end(), logits.begin() + static_cast<ptrdiff_t>(rows * kLanes), logits.end());
}

// A bound that at least `count` of `values` reach; below all if they are too few. `values` change their places.
inline float floor_of(std::vector<float>& values, size_t count) {
  if (values.size() < count) return kForbidden;
  for (float& value : values) value = value == value ? value : kForbidden;
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(count) - 1, values.end(), std::greater<>());
  return values[count - 1];
}

// Appends the ids whose logits are at least `least`.
inline void collect(std::span<const float> logits, float least, std::vector<int32_t>& ids) {
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

}  // namespace hearth
