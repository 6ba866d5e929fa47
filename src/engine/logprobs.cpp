// Log-probabilities: one pass for the largest, one for the sum, one for the most likely few.
#include "engine/logprobs.h"

#include <algorithm>
#include <cmath>

namespace hearth {

double log_sum_exp(std::span<const float> logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  return most + std::log(sum);
}

LogprobEntry logprobs_of(std::span<const float> logits, int32_t chosen, int top) {
  const double total = log_sum_exp(logits);
  const auto entry = [&](int32_t id) { return TokenLogprob{id, static_cast<float>(static_cast<double>(logits[id]) - total)}; };
  LogprobEntry result;
  result.chosen = entry(chosen);
  const auto before = [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  std::vector<int32_t> best;                       // in order
  for (int32_t id = 0; id < static_cast<int32_t>(logits.size()) && top > 0; ++id) {
    if (static_cast<int>(best.size()) == top && !before(id, best.back())) continue;
    best.insert(std::upper_bound(best.begin(), best.end(), id, before), id);
    if (static_cast<int>(best.size()) > top) best.pop_back();
  }
  for (const int32_t id : best) result.top.push_back(entry(id));
  return result;
}

}  // namespace hearth
