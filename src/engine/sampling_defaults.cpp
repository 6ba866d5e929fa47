// Sampling defaults: the numbers of generation_config.json, as the bake has put them into the card.
#include "engine/sampling_defaults.h"

namespace hearth {
namespace {

template <class T>
void put(const Json& sampling, const char* key, T& value) {
  if (has(sampling, key) && sampling[key].is_number()) value = sampling[key].get<T>();
}

}  // namespace

SamplerOptions sampling_defaults(const ModelCard& card, SamplerOptions fallback) {
  if (!card.details.is_object() || !has(card.details, "sampling") || !card.details["sampling"].is_object()) return fallback;
  const Json& sampling = card.details["sampling"];
  put(sampling, "temperature", fallback.temperature);
  put(sampling, "top_k", fallback.top_k);
  put(sampling, "top_p", fallback.top_p);
  put(sampling, "min_p", fallback.min_p);
  put(sampling, "repetition_penalty", fallback.repetition_penalty);
  put(sampling, "frequency_penalty", fallback.frequency_penalty);
  put(sampling, "presence_penalty", fallback.presence_penalty);
  put(sampling, "penalty_window", fallback.penalty_window);
  return fallback;
}

}  // namespace hearth
