// Sums of weights by vectors of 16, 8 or 4: each weight is made by itself, so that all give the same.
#include "engine/weights.h"

#include "base/cpu_features.h"

namespace hearth {
namespace {

[[gnu::always_inline]] inline void sum_each(std::span<const float> logits, float best, float scale, uint64_t* sums) {
  each_block(logits, best, scale,
             [&](size_t first, size_t, const auto&, const auto& weights) { sums[first / kBlock] = sum_of(weights); });
}

void sum_by_4(std::span<const float> logits, float best, float scale, uint64_t* sums) {
  sum_each(logits, best, scale, sums);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]]
void sum_by_8(std::span<const float> logits, float best, float scale, uint64_t* sums) {
  sum_each(logits, best, scale, sums);
}

[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]]
void sum_by_16(std::span<const float> logits, float best, float scale, uint64_t* sums) {
  sum_each(logits, best, scale, sums);
}
#endif

}  // namespace

std::vector<SumBlocks> ways_to_sum_blocks() {
  std::vector<SumBlocks> ways;
#if defined(__x86_64__)
  if (cpu_runs("x86_64", "+avx512f,+avx512bw,+avx512dq,+avx512vl").ok()) ways.push_back(sum_by_16);
  if (cpu_runs("x86_64", "+avx2").ok()) ways.push_back(sum_by_8);
#endif
  ways.push_back(sum_by_4);
  return ways;
}

void sum_blocks(std::span<const float> logits, float best, float scale, std::vector<uint64_t>& sums) {
  static const SumBlocks fastest = ways_to_sum_blocks().front();
  sums.resize((logits.size() + kBlock - 1) / kBlock);
  fastest(logits, best, scale, sums.data());
}

}  // namespace hearth
