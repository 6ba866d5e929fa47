// ChatPrompt: messages through a model's own template -> the ids it reads; special tokens are added once, by the template or the tokenizer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace hearth {

struct ChatPrompt {
  std::string text;                      // as rendered
  std::vector<int32_t> ids;
};

// `values`: the template's variables: "messages", "tools", "add_generation_prompt" (true where absent), flags, and "now" (read_time). What is missing
// comes from the model's card. Errors: no tokenizer, no template, or what the template raises.
Result<ChatPrompt> chat_prompt(const Engine& engine, OrderedJson values);

// Renders `source` with the given variables; missing ones come from `defaults`. `values` may hold "now".
Result<std::string> render_chat(const Template& source, OrderedJson values, const OrderedJson& defaults);

// Seconds since 1970 of a number or of "2026-03-14T15:09:26" (UTC).
Result<int64_t> read_time(const OrderedJson& value);

}  // namespace hearth
