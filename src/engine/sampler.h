// Sampler: logits -> one token. Order as llama.cpp's default chain: bias, penalties, top-k, top-p, min-p, temperature,
// draw.
//
// Same logits, history, options and seed give the same token on every machine: the generator is our own counter-based
// one, ties are broken toward the lower id, sums run in a fixed order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "engine/logits.h"
#include "engine/peaks.h"

namespace hearth {

struct SamplerOptions {
  float temperature = 0.8f;         // 0: greedy
  int top_k = 40;                   // 0: off
  float top_p = 0.95f;              // 1: off
  float min_p = 0.05f;              // 0: off
  float repetition_penalty = 1.0f;  // 1: off
  float frequency_penalty = 0.0f, presence_penalty = 0.0f;
  int penalty_window = 64;  // last tokens that count; -1: all
  uint64_t seed = 0;
  std::map<int32_t, float> logit_bias;  // added to the logit; -inf forbids
};

class Sampler {
 public:
  explicit Sampler(SamplerOptions options);
  // `step` numbers the draws of a request: draw n uses only (seed, n), whatever happened before.
  // `allowed`: a bit a token (id % 32 of word id / 32); others are never drawn. Empty: all are allowed.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> history, uint64_t step,
                 std::span<const uint32_t> allowed = {});
  // The same token for one row with peaks, without looking at all of it where the options allow.
  int32_t sample(const Logits& row, std::span<const int32_t> history, uint64_t step,
                 std::span<const uint32_t> allowed = {});

 private:
  bool is_greedy() const;
  float scale() const;
  bool changes_logits() const;
  int32_t draw_from_all(std::span<const float> logits, float best, float scale, uint64_t random);
  int32_t draw_candidate(float scale, uint64_t random);
  std::optional<int32_t> sample_by_peaks(const Logits& row, std::span<const int32_t> history, uint64_t step,
                                         std::span<const uint32_t> allowed);
  void choose_candidates(std::span<const float> logits, float best, bool has_top_k);
  void gather(std::span<const float> logits, float best, float least);
  void weigh_candidates(float scale);
  void cut(uint64_t amount, const uint32_t* weights);
  template <class Is>
  void keep(const Is& is_kept);

  SamplerOptions options_;
  float farthest_ = 64;            // of min-p: how far below the best a token may be
  PeakRow peaks_;
  std::vector<float> logits_;      // changed ones
  std::vector<int32_t> ids_;       // candidates, ascending
  std::vector<float> distances_;   // how far they are below the best
  std::vector<uint32_t> weights_;  // theirs, filled up with zeros
  std::vector<float> columns_;     // scratch
  std::vector<size_t> members_;
  std::vector<uint64_t> sums_;
};

}  // namespace hearth
