// Step times: what a step of a few rows takes, whole, for `bench -b`.
#pragma once

#include "api/model.h"

namespace hearth {

// request: {"rows" (1), "sequences" (1; divides rows), "context" (0: positions each sequence has already),
// "repetitions" (5)}. Every row's logits are wanted, as when drafts are verified. -> {"rows", "sequences", "context",
// "ms": [each repetition's], "threads", "threads_decode"}. What the model remembers of prompts is forgotten.
Result<Json> step_times(OpenModel& model, const char* request_json);

}  // namespace hearth
