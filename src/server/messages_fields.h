// The body of Anthropic's messages API -> a chat call.
#pragma once

#include "server/chat_call.h"

namespace hearth {

struct MessagesBody {
  ChatCall call;
  Delivery delivery = Delivery::whole;
};

enum class MaxTokens { needed, optional };  // counting tokens does not ask for it
ApiResult<MessagesBody> read_messages_body(const OrderedJson& body, MaxTokens max_tokens);

}  // namespace hearth
