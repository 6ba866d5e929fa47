// The body of OpenAI's responses API -> a chat call.
#pragma once

#include "server/chat_call.h"
#include "server/response_store.h"

namespace hearth {

enum class Keep { no, yes };

struct ResponsesBody {
  ChatCall call;
  Delivery delivery = Delivery::whole;
  Keep keep = Keep::yes;  // "store"
  size_t instructions = 0;  // messages of this request alone, at the beginning: 0 or 1
  OrderedJson echo;       // what the answer repeats: instructions, tools, temperature, ...
};

ApiResult<ResponsesBody> read_responses_body(const OrderedJson& body, const ResponseStore& store);

}  // namespace hearth
