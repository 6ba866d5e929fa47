// Chat: a request in JSON -> prompt ids and sampling as the engine takes them.
#pragma once

#include "api/model.h"

namespace hearth {

// A generate request as include/hearth.h describes it. What it leaves open comes from the model's card, then from SamplerOptions.
Result<Request> read_request(const char* json, Engine& engine);

}  // namespace hearth
