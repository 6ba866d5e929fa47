// Chat: a request in JSON -> prompt ids and sampling as the engine takes them.
#pragma once

#include "api/model.h"

namespace hearth {

// A generate request as include/hearth.h describes it. What it leaves open comes from the model's card, then from SamplerOptions.
Result<Request> read_request(const char* json, const Engine& engine);

// Renders `source` with the given variables; missing ones come from `defaults`. `values` may hold "now".
Result<std::string> render_chat(const Template& source, OrderedJson values, const OrderedJson& defaults);

// Seconds since 1970 of a number or of "2026-03-14T15:09:26" (UTC).
Result<int64_t> read_time(const OrderedJson& value);

}  // namespace hearth
