// OpenAI's words for what an answer holds.
#include "server/openai_words.h"

namespace hearth {
namespace {

constexpr size_t kMostStops = 16;

double rate(int64_t count, double ms) { return ms > 0 ? static_cast<double>(count) * 1e3 / ms : 0; }

OrderedJson one_logprob(const Answer& answer, const TokenLogprob& token) {
  return {{"token", token_text(answer, token.id)}, {"logprob", token.logprob}, {"bytes", token_bytes(answer, token.id)}};
}

OrderedJson call_words(const AnsweredToolCall& call) {
  return {{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

}  // namespace

std::string client_of(const HttpRequest& request) {
  for (const char* name : {"Authorization", "x-api-key"}) {
    if (const std::string* key = request.header(name)) return *key;
  }
  return request.peer.substr(0, request.peer.rfind(':'));
}

std::vector<std::string> read_stop(Fields& fields) {
  std::vector<std::string> stop = fields.texts("stop");
  if (stop.size() > kMostStops) fields.fail("stop", fmt::format("got {} strings, want at most {}", stop.size(), kMostStops));
  return stop;
}

void read_stream(Fields& fields, Delivery& delivery, UsageChunk& usage) {
  delivery = fields.flag("stream", false) ? Delivery::stream : Delivery::whole;
  const OrderedJson* options = fields.object("stream_options");
  if (options == nullptr) return;
  if (delivery == Delivery::whole) fields.fail("stream_options", "needs \"stream\": true");
  Fields inner(*options, "stream_options");
  usage = inner.flag("include_usage", false) ? UsageChunk::yes : UsageChunk::no;
  inner.ignore({"include_obfuscation"});
  if (auto failure = inner.done()) fields.fail(*failure);
}

OrderedJson finish_word(const AnswerChoice& choice) {
  if (choice.finish == Finish::length) return "length";
  if (!choice.tool_calls.empty()) return "tool_calls";
  return "stop";
}

OrderedJson usage_words(const Answer& answer) {
  const int64_t generated = answer.new_tokens();
  return {{"prompt_tokens", answer.prompt_tokens},
          {"completion_tokens", generated},
          {"total_tokens", answer.prompt_tokens + generated},
          {"prompt_tokens_details", {{"cached_tokens", answer.cached_tokens}}}};
}

OrderedJson timing_words(const Answer& answer) {
  const Timing& t = answer.choices[0].timing;
  const int64_t computed = t.prompt_tokens - t.reused_tokens;
  return {{"prompt_n", computed},
          {"cached_n", t.reused_tokens},
          {"prompt_ms", t.prefill_ms},
          {"prompt_per_second", rate(computed, t.prefill_ms)},
          {"predicted_n", t.new_tokens},
          {"predicted_ms", t.decode_ms},
          {"predicted_per_second", rate(t.new_tokens, t.decode_ms)},
          {"queue_ms", t.queue_ms},
          {"draft_n", t.drafted_tokens},
          {"draft_n_accepted", t.accepted_tokens}};
}

OrderedJson message_words(const AnswerChoice& choice) {
  OrderedJson message = {{"role", "assistant"}, {"content", choice.content}, {"refusal", nullptr}};
  if (choice.content.empty() && !choice.tool_calls.empty()) message["content"] = nullptr;
  if (!choice.reasoning.empty()) message["reasoning_content"] = choice.reasoning;
  for (const AnsweredToolCall& call : choice.tool_calls) message["tool_calls"].push_back(call_words(call));
  return message;
}

OrderedJson delta_words(const MessageDelta& delta) {
  OrderedJson words = OrderedJson::object();
  if (!delta.content.empty()) words["content"] = delta.content;
  if (!delta.reasoning.empty()) words["reasoning_content"] = delta.reasoning;
  for (const ToolCallDelta& call : delta.tool_calls) {
    OrderedJson piece = {{"index", call.index}};
    if (!call.id.empty()) {
      piece["id"] = call.id;
      piece["type"] = "function";
      piece["function"]["name"] = call.name;
    }
    piece["function"]["arguments"] = call.arguments;
    words["tool_calls"].push_back(std::move(piece));
  }
  return words;
}

OrderedJson chat_logprobs(const Answer& answer, const std::vector<LogprobEntry>& entries) {
  OrderedJson content = OrderedJson::array();
  for (const LogprobEntry& entry : entries) {
    OrderedJson one = one_logprob(answer, entry.chosen);
    one["top_logprobs"] = OrderedJson::array();
    for (const TokenLogprob& token : entry.top) one["top_logprobs"].push_back(one_logprob(answer, token));
    content.push_back(std::move(one));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

std::string token_text(const Answer& answer, int32_t id) {
  if (answer.tokenizer == nullptr) return std::to_string(id);
  const std::string bytes = answer.tokenizer->bytes_of(id);
  return bytes.empty() ? std::string(answer.tokenizer->piece(id)) : bytes;
}

OrderedJson token_bytes(const Answer& answer, int32_t id) {
  if (answer.tokenizer == nullptr) return nullptr;
  const std::string bytes = answer.tokenizer->bytes_of(id);
  if (bytes.empty()) return nullptr;
  OrderedJson list = OrderedJson::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

}  // namespace hearth
