// What OpenAI's APIs have in common in their bodies: usage, logprobs, finish reasons, messages, streaming fields.
#pragma once

#include "server/answer.h"
#include "server/fields.h"

namespace hearth {

enum class UsageChunk { no, yes };       // stream_options.include_usage

std::string client_of(const HttpRequest& request);       // who asks: the key if there is one, else the address
std::vector<std::string> read_stop(Fields& fields);      // at most 16
void read_stream(Fields& fields, Delivery& delivery, UsageChunk& usage);

OrderedJson finish_word(const AnswerChoice& choice);     // "stop", "length", "tool_calls"
OrderedJson usage_words(const Answer& answer);
OrderedJson timing_words(const Answer& answer);          // llama.cpp's `timings`
OrderedJson message_words(const AnswerChoice& choice);   // {"role", "content", "reasoning_content", "tool_calls"}
OrderedJson delta_words(const MessageDelta& delta);      // empty object: nothing new
OrderedJson chat_logprobs(const Answer& answer, const std::vector<LogprobEntry>& entries);       // {"content": [...]}
// The token's own text, and its bytes (null for special tokens).
std::string token_text(const Answer& answer, int32_t id);
OrderedJson token_bytes(const Answer& answer, int32_t id);

}  // namespace hearth
