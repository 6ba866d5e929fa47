// POST /v1/messages and /v1/messages/count_tokens, as Anthropic has them.
#include "server/chat_call.h"
#include "server/endpoint.h"
#include "server/messages_fields.h"
#include "server/openai_words.h"
#include "server/sse.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, messages)
HEARTH_SET_MEMBER(endpoint, count_tokens)

namespace {

constexpr char kPath[] = "/v1/messages";

struct ErrorType {
  int status;
  const char* type;
};
constexpr ErrorType kErrorTypes[] = {{401, "authentication_error"}, {403, "permission_error"}, {404, "not_found_error"},
                                     {413, "request_too_large"},    {429, "rate_limit_error"}, {500, "api_error"},
                                     {503, "overloaded_error"}};

OrderedJson refusal_words(const ApiError& error) {
  const char* type = "invalid_request_error";
  for (const ErrorType& entry : kErrorTypes) {
    if (entry.status == error.status) type = entry.type;
  }
  return {{"type", "error"}, {"error", {{"type", type}, {"message", error.message}}}};
}

void refuse_message(HttpReply& reply, const ApiError& error) {
  send_json(reply, refusal_words(error), error.status, headers_of(error));
}

std::string event(const char* type, OrderedJson body) {
  OrderedJson words = {{"type", type}};
  words.update(body);
  return sse_event(dump(words), type);
}

OrderedJson input_of(const AnsweredToolCall& call) {
  auto parsed = parse_ordered_json(call.arguments.empty() ? "{}" : call.arguments, "arguments");
  return parsed.ok() ? *parsed : OrderedJson::object();
}

OrderedJson stop_reason(const AnswerChoice& choice) {
  if (choice.finish == Finish::length) return "max_tokens";
  if (!choice.tool_calls.empty()) return "tool_use";
  return choice.finish == Finish::stop ? "stop_sequence" : "end_turn";
}

OrderedJson stop_sequence(const AnswerChoice& choice) {
  return choice.finish == Finish::stop ? OrderedJson(choice.stopped_by) : OrderedJson(nullptr);
}

OrderedJson usage(const Answer& answer) {
  return {{"input_tokens", answer.prompt_tokens - answer.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", answer.cached_tokens},
          {"output_tokens", answer.new_tokens()}};
}

OrderedJson head(const Answer& answer, OrderedJson content, const OrderedJson& reason, const OrderedJson& sequence) {
  return {{"id", answer.id},
          {"type", "message"},
          {"role", "assistant"},
          {"model", answer.model},
          {"content", std::move(content)},
          {"stop_reason", reason},
          {"stop_sequence", sequence},
          {"usage", usage(answer)}};
}

// Blocks open and close in the order in which text of their kind comes.
class MessageDialect : public ApiDialect {
 public:
  std::string begin(const Answer& answer) override {
    return event("message_start", {{"message", head(answer, OrderedJson::array(), nullptr, nullptr)}}) +
           event("ping", OrderedJson::object());
  }

  std::string delta(const Answer&, const AnswerDelta& delta) override {
    std::string text;
    const MessageDelta& message = delta.message;
    if (!message.reasoning.empty()) {
      text += open("thinking", {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
      text += piece({{"type", "thinking_delta"}, {"thinking", message.reasoning}});
    }
    if (!message.content.empty()) {
      text += open("text", {{"type", "text"}, {"text", ""}});
      text += piece({{"type", "text_delta"}, {"text", message.content}});
    }
    for (const ToolCallDelta& call : message.tool_calls) {
      if (!call.id.empty()) {
        text += close();
        text += open("tool_use",
                     {{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", OrderedJson::object()}});
      }
      if (!call.arguments.empty()) text += piece({{"type", "input_json_delta"}, {"partial_json", call.arguments}});
    }
    return text;
  }

  std::string end(const Answer& answer) override {
    const AnswerChoice& choice = answer.choices[0];
    return close() +
           event("message_delta",
                 {{"delta", {{"stop_reason", stop_reason(choice)}, {"stop_sequence", stop_sequence(choice)}}},
                  {"usage", usage(answer)}}) +
           event("message_stop", OrderedJson::object());
  }

  std::string failure(const Answer&, const ApiError& error) override {
    return sse_event(dump(refusal_words(error)), "error");
  }

  OrderedJson whole(const Answer& answer) override {
    const AnswerChoice& choice = answer.choices[0];
    OrderedJson content = OrderedJson::array();
    if (!choice.reasoning.empty())
      content.push_back({{"type", "thinking"}, {"thinking", choice.reasoning}, {"signature", ""}});
    if (!choice.content.empty()) content.push_back({{"type", "text"}, {"text", choice.content}});
    for (const AnsweredToolCall& call : choice.tool_calls) {
      content.push_back({{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", input_of(call)}});
    }
    return head(answer, std::move(content), stop_reason(choice), stop_sequence(choice));
  }

  OrderedJson refusal(const ApiError& error) override { return refusal_words(error); }

 private:
  std::string open(const std::string& kind, const OrderedJson& block) {
    if (kind == open_) return "";
    std::string text = close();
    open_ = kind;
    return text + event("content_block_start", {{"index", index_}, {"content_block", block}});
  }
  std::string piece(const OrderedJson& delta) {
    return event("content_block_delta", {{"index", index_}, {"delta", delta}});
  }
  std::string close() {
    if (open_.empty()) return "";
    open_.clear();
    return event("content_block_stop", {{"index", index_++}});
  }

  std::string open_;  // the kind of the open block, "": none
  int index_ = 0;
};

void answer_messages(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  auto body = read_body(request);
  if (!body) return refuse_message(*reply, body.failure());
  auto read = read_messages_body(*body, MaxTokens::needed);
  if (!read) return refuse_message(*reply, read.failure());
  const auto dialect = [] { return std::make_unique<MessageDialect>(); };
  run_chat(services, request, std::move(read->call), {kPath, "msg_", read->delivery, dialect}, std::move(reply),
           refuse_message);
}

void answer_count(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  auto body = read_body(request);
  if (!body) return refuse_message(*reply, body.failure());
  auto read = read_messages_body(*body, MaxTokens::optional);
  if (!read) return refuse_message(*reply, read.failure());
  services.models.choose(read->call.model, [&services, reply, call = read->call](ApiResult<Chosen> chosen) {
    if (!chosen) return refuse_message(*reply, chosen.failure());
    services.post([reply, call, chosen = *chosen] {
      auto order = prepare_chat(call, chosen, "msg_");
      if (!order) return refuse_message(*reply, order.failure());
      send_json(*reply, {{"input_tokens", order->requests[0].prompt.size()}});
    });
  });
}

}  // namespace

Endpoint messages() { return {.method = "POST", .path = kPath, .answer = answer_messages}; }
Endpoint count_tokens() { return {.method = "POST", .path = "/v1/messages/count_tokens", .answer = answer_count}; }

}  // namespace hearth
