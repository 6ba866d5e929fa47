// Sums of weights: every way to make them gives the same numbers, near those of a calculation in doubles.
#include "engine/weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace hearth {
namespace {

// Usual logits, some as far away as any, some forbidden, infinite or no number at all.
std::vector<float> strange_logits(size_t size, unsigned seed) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 8);
  std::vector<float> logits(size);
  for (float& logit : logits) {
    const float kinds[] = {normal(random), normal(random), normal(random), -3e38f, kForbidden, -kInfinity, std::nanf("")};
    logit = kinds[random() % std::size(kinds)];
  }
  logits[size / 2] = 20;
  return logits;
}

double weight_in_doubles(float logit, float best, float scale) {
  return std::isnan(logit) ? 0 : std::ldexp(std::exp2((static_cast<double>(logit) - best) * scale), kWeightBits);
}

TEST(Weights, AreTheSameByVectorsOfAnyWidth) {
  const std::vector<SumBlocks> ways = ways_to_sum_blocks();
  ASSERT_FALSE(ways.empty());
  for (const size_t size : {1, 15, 63, 64, 65, 128, 1000, 8192}) {
    for (const float scale : {0.2f, 1.44269504f, 9.0f}) {
      const std::vector<float> logits = strange_logits(size, static_cast<unsigned>(size));
      const float best = most_of(logits);
      std::vector<uint64_t> first;
      sum_blocks(logits, best, scale, first);
      ASSERT_EQ(first.size(), (size + kBlock - 1) / kBlock);
      for (const SumBlocks way : ways) {
        std::vector<uint64_t> sums(first.size());
        way(logits, best, scale, sums.data());
        EXPECT_EQ(sums, first) << size << " logits, scale " << scale;
      }
      for (size_t block = 0; block < first.size(); ++block) {
        double want = 0;
        for (size_t i = block * kBlock; i < std::min(size, (block + 1) * kBlock); ++i)
          want += weight_in_doubles(logits[i], best, scale);
        EXPECT_NEAR(static_cast<double>(first[block]), want, 4e-6 * want + kBlock);
      }
    }
  }
}

}  // namespace
}  // namespace hearth
