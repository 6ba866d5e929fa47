// Weights of tokens: integers, 2^30 for the best, so that sums are exact and do not depend on their order. Who includes this is compiled
// without fused multiply-add.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/scan.h"

namespace hearth {

inline constexpr size_t kBlock = 4 * kLanes;  // tokens whose weights are summed together
inline constexpr int kWeightBits = 30;

// 2^30 * 2^(-distance * scale), rounded; `scale` is log2(e) / temperature. What is no number weighs nothing.
[[gnu::always_inline]] inline void weigh(const float* distances, float scale, uint32_t* weights) {
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const float product = distances[lane] * scale;
    const float power = product < 40.0f ? product : 40.0f;  // nothing is left behind 2^-31
    const auto whole = static_cast<int32_t>(power);
    const float t = (power - static_cast<float>(whole) - 0.5f) * -0.693147181f;
    // 2^-0.5 * e^t, |t| < 0.35
    const float series =
        1 + t * (1 + t * (0.5f + t * (0.166666667f + t * (0.0416666667f + t * (0.00833333333f + t * 0.00138888889f)))));
    const float unit = std::bit_cast<float>((127 + kWeightBits - whole) << 23);
    weights[lane] = static_cast<uint32_t>(static_cast<int32_t>(series * 0.707106781f * unit + 0.5f));
  }
}

// How far logits are below the best.
[[gnu::always_inline]] inline void measure(const float* logits, float best, float* distances) {
  for (size_t lane = 0; lane < kLanes; ++lane) distances[lane] = best - (kMost < logits[lane] ? kMost : logits[lane]);
}

// Calls body(first, count, distances, weights) for runs of up to kBlock tokens.
template <class Body>
[[gnu::always_inline]] inline void each_block(std::span<const float> logits, float best, float scale, const Body& body) {
  std::array<float, kBlock> distances;
  std::array<uint32_t, kBlock> weights;
  for (size_t first = 0; first < logits.size(); first += kBlock) {
    const size_t count = std::min(kBlock, logits.size() - first);
    if (count < kBlock) {
      std::array<float, kBlock> rest;
      rest.fill(kForbidden);
      std::copy_n(logits.begin() + static_cast<ptrdiff_t>(first), count, rest.begin());
      for (size_t i = 0; i < kBlock; i += kLanes) measure(rest.data() + i, best, distances.data() + i);
    } else {
      for (size_t i = 0; i < kBlock; i += kLanes) measure(logits.data() + first + i, best, distances.data() + i);
    }
    for (size_t i = 0; i < kBlock; i += kLanes) weigh(distances.data() + i, scale, weights.data() + i);
    body(first, count, distances, weights);
  }
}

[[gnu::always_inline]] inline uint64_t sum_of(const std::array<uint32_t, kBlock>& weights) {
  uint64_t sum = 0;  // a block of 64 weights of 2^30 needs 36 bits
  for (const uint32_t weight : weights) sum += weight;
  return sum;
}

// sums[i] = what the tokens of block i weigh together.
void sum_blocks(std::span<const float> logits, float best, float scale, std::vector<uint64_t>& sums);

// The ways to do it that this machine can run, the fastest first; `sums` has room for every block. All give the same.
using SumBlocks = void (*)(std::span<const float> logits, float best, float scale, uint64_t* sums);
std::vector<SumBlocks> ways_to_sum_blocks();

}  // namespace hearth
