// The sampling that a model's makers recommend, where its card says so.
#pragma once

#include "artifact/interface.h"
#include "engine/sampler.h"

namespace hearth {

// `fallback` with what the card's details.sampling says put in: temperature, top_k, top_p, min_p and the penalties.
SamplerOptions sampling_defaults(const ModelCard& card, SamplerOptions fallback);

}  // namespace hearth
