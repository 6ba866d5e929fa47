// Sampler: logits -> one token. Order as llama.cpp's default chain: bias, penalties, top-k, top-p, min-p, temperature, draw.
//
// Same logits, history, options and seed give the same token on every machine: the generator is our own counter-based one,
// ties are broken toward the lower id, sums run in a fixed order.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace hearth {

struct SamplerOptions {
  float temperature = 0.8f;              // 0: greedy
  int top_k = 40;                        // 0: off
  float top_p = 0.95f;                   // 1: off
  float min_p = 0.05f;                   // 0: off
  float repetition_penalty = 1.0f;       // 1: off
  float frequency_penalty = 0.0f, presence_penalty = 0.0f;
  int penalty_window = 64;               // last tokens that count; -1: all
  uint64_t seed = 0;
  std::map<int32_t, float> logit_bias;   // added to the logit; -inf forbids
};

class Sampler {
 public:
  explicit Sampler(SamplerOptions options);
  // `step` numbers the draws of a request: draw n uses only (seed, n), whatever happened before.
  // `allowed`: a bit a token (id % 32 of word id / 32); others are never drawn. Empty: all are allowed.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> history, uint64_t step,
                 std::span<const uint32_t> allowed = {});

 private:
  bool is_plain() const;                 // the most likely token as the model says

  SamplerOptions options_;
  std::vector<float> logits_;
  std::vector<int32_t> order_;           // candidates, ascending by id
  std::vector<uint64_t> weights_;        // theirs
};

}  // namespace hearth
