// Log-probabilities of a row of logits: the natural logarithm of the model's own distribution.
#pragma once

#include <cstdint>
#include <span>

#include "engine/request.h"

namespace hearth {

// log(sum of exp(logits)), in double and in order: the same on every machine.
double log_sum_exp(std::span<const float> logits);

// Of `chosen` and of the `top` most likely tokens, descending; ties go to the lower id.
LogprobEntry logprobs_of(std::span<const float> logits, int32_t chosen, int top);

}  // namespace hearth
