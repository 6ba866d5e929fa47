// /v1/responses: POST makes an answer, GET and DELETE of one that is kept; as OpenAI has it.
#include "server/chat_call.h"
#include "server/endpoint.h"
#include "server/openai_words.h"
#include "server/responses_fields.h"
#include "server/sse.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, responses)
HEARTH_SET_MEMBER(endpoint, response)
HEARTH_SET_MEMBER(endpoint, response_removal)

namespace {

constexpr char kPath[] = "/v1/responses", kBelow[] = "/v1/responses/";

OrderedJson text_part(const std::string& text) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", OrderedJson::array()},
          {"logprobs", OrderedJson::array()}};
}

// An item of an answer's output; they come in the order in which they began.
enum class Kind { none, reasoning, message, call };
struct Item {
  Kind kind = Kind::none;
  std::string id, text;  // of a call: its arguments
  std::string name, call_id;
};

OrderedJson words_of(const Item& item, const char* status) {
  if (item.kind == Kind::reasoning) {
    const OrderedJson content = OrderedJson::array({{{"type", "reasoning_text"}, {"text", item.text}}});
    return {{"id", item.id},
            {"type", "reasoning"},
            {"summary", OrderedJson::array()},
            {"content", content},
            {"status", status}};
  }
  if (item.kind == Kind::call) {
    return {{"id", item.id},     {"type", "function_call"}, {"call_id", item.call_id},
            {"name", item.name}, {"arguments", item.text},  {"status", status}};
  }
  const OrderedJson content = OrderedJson::array({text_part(item.text)});
  return {{"id", item.id}, {"type", "message"}, {"role", "assistant"}, {"content", content}, {"status", status}};
}

class ResponseDialect : public ApiDialect {
 public:
  ResponseDialect(Services& services, ResponsesBody body) : services_(services), body_(std::move(body)) {}

  std::string begin(const Answer& answer) override {
    return event("response.created", {{"response", object(answer, "in_progress")}}) +
           event("response.in_progress", {{"response", object(answer, "in_progress")}});
  }

  std::string delta(const Answer&, const AnswerDelta& delta) override { return add(delta.message); }

  std::string end(const Answer& answer) override {
    std::string text = close();
    const bool cut = answer.choices[0].finish == Finish::length;
    OrderedJson response = finished(answer);
    text += event(cut ? "response.incomplete" : "response.completed", {{"response", std::move(response)}});
    return text;
  }

  std::string failure(const Answer& answer, const ApiError& error) override {
    OrderedJson response = object(answer, "failed");
    response["error"] = {{"code", "server_error"}, {"message", error.message}};
    return event("response.failed", {{"response", std::move(response)}});
  }

  OrderedJson whole(const Answer& answer) override {
    const AnswerChoice& choice = answer.choices[0];
    MessageDelta all{.content = choice.content, .reasoning = choice.reasoning};
    for (size_t i = 0; i < choice.tool_calls.size(); ++i) {
      const AnsweredToolCall& call = choice.tool_calls[i];
      all.tool_calls.push_back({static_cast<int>(i), call.id, call.name, call.arguments});
    }
    add(all);
    close();
    return finished(answer);
  }

 private:
  std::string event(const char* type, OrderedJson body) {
    OrderedJson words = {{"type", type}, {"sequence_number", sequence_++}};
    words.update(body);
    return sse_event(dump(words), type);
  }

  std::string add(const MessageDelta& delta) {
    std::string text;
    if (!delta.reasoning.empty()) {
      if (kind() != Kind::reasoning) text += open({Kind::reasoning, new_id("rs_")});
      text += grow(delta.reasoning, "response.reasoning_text.delta", true);
    }
    if (!delta.content.empty()) {
      if (kind() != Kind::message) text += open({Kind::message, new_id("msg_")});
      text += grow(delta.content, "response.output_text.delta", true);
    }
    for (const ToolCallDelta& call : delta.tool_calls) {
      if (!call.id.empty()) text += open({Kind::call, new_id("fc_"), "", call.name, call.id});
      if (!call.arguments.empty()) text += grow(call.arguments, "response.function_call_arguments.delta", false);
    }
    return text;
  }

  Kind kind() const { return open_ ? items_.back().kind : Kind::none; }
  OrderedJson place() const { return {{"item_id", items_.back().id}, {"output_index", items_.size() - 1}}; }

  std::string grow(const std::string& piece, const char* type, bool in_part) {
    items_.back().text += piece;
    OrderedJson body = place();
    if (in_part) body["content_index"] = 0;
    body["delta"] = piece;
    if (items_.back().kind == Kind::message) body["logprobs"] = OrderedJson::array();
    return event(type, std::move(body));
  }

  std::string open(Item item) {
    std::string text = close();
    items_.push_back(std::move(item));
    open_ = true;
    OrderedJson words = words_of(items_.back(), "in_progress");
    if (kind() != Kind::call) words["content"] = OrderedJson::array();
    text += event("response.output_item.added", {{"output_index", items_.size() - 1}, {"item", std::move(words)}});
    if (kind() == Kind::message) text += part("response.content_part.added");
    return text;
  }

  std::string part(const char* type) {
    OrderedJson body = place();
    body["content_index"] = 0;
    body["part"] = text_part(items_.back().text);
    return event(type, std::move(body));
  }

  std::string close() {
    if (!open_) return "";
    std::string text;
    const Item& item = items_.back();
    OrderedJson body = place();
    if (item.kind == Kind::call) {
      body["name"] = item.name;
      body["arguments"] = item.text;
      text += event("response.function_call_arguments.done", std::move(body));
    } else {
      body["content_index"] = 0;
      body["text"] = item.text;
      if (item.kind == Kind::message) body["logprobs"] = OrderedJson::array();
      text += event(item.kind == Kind::message ? "response.output_text.done" : "response.reasoning_text.done",
                    std::move(body));
      if (item.kind == Kind::message) text += part("response.content_part.done");
    }
    text += event("response.output_item.done",
                  {{"output_index", items_.size() - 1}, {"item", words_of(item, "completed")}});
    open_ = false;
    return text;
  }

  OrderedJson object(const Answer& answer, const char* status) {
    OrderedJson response = {{"id", answer.id},
                            {"object", "response"},
                            {"created_at", answer.created},
                            {"status", status},
                            {"background", false},
                            {"error", nullptr},
                            {"incomplete_details", nullptr},
                            {"model", answer.model},
                            {"output", OrderedJson::array()}};
    for (const Item& item : items_) response["output"].push_back(words_of(item, "completed"));
    response["usage"] = nullptr;
    response.update(body_.echo);
    return response;
  }

  // The whole response; it is kept when the request says so.
  OrderedJson finished(const Answer& answer) {
    const bool cut = answer.choices[0].finish == Finish::length;
    OrderedJson response = object(answer, cut ? "incomplete" : "completed");
    if (cut) response["incomplete_details"] = {{"reason", "max_output_tokens"}};
    const int64_t generated = answer.new_tokens();
    response["usage"] = {{"input_tokens", answer.prompt_tokens},
                         {"input_tokens_details", {{"cached_tokens", answer.cached_tokens}}},
                         {"output_tokens", generated},
                         {"output_tokens_details", {{"reasoning_tokens", 0}}},
                         {"total_tokens", answer.prompt_tokens + generated}};
    if (body_.keep == Keep::yes) {
      OrderedJson messages = body_.call.messages;
      messages.erase(messages.begin(), messages.begin() + static_cast<ptrdiff_t>(body_.instructions));
      OrderedJson message = message_words(answer.choices[0]);
      message.erase("refusal");
      if (message["content"].is_null()) message["content"] = "";
      messages.push_back(std::move(message));
      services_.responses.add(answer.id, {response, std::move(messages)});
    }
    return response;
  }

  Services& services_;
  ResponsesBody body_;
  std::vector<Item> items_;
  bool open_ = false;  // the last item still grows
  int64_t sequence_ = 0;
};

void answer(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  auto body = read_body(request);
  if (!body) return send_error(*reply, body.failure());
  auto read = read_responses_body(*body, services.responses);
  if (!read) return send_error(*reply, read.failure());
  const auto dialect = [&services, read = *read] { return std::make_unique<ResponseDialect>(services, read); };
  run_chat(services, request, std::move(read->call), {kPath, "resp_", read->delivery, dialect}, std::move(reply));
}

void answer_kept(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  const std::string id = request.path.substr(sizeof(kBelow) - 1);
  const auto kept = services.responses.find(id);
  if (!kept) return send_error(*reply, not_found(fmt::format("response '{}' is not known here (any more)", id)));
  send_json(*reply, kept->body);
}

void answer_removal(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  const std::string id = request.path.substr(sizeof(kBelow) - 1);
  if (!services.responses.remove(id))
    return send_error(*reply, not_found(fmt::format("response '{}' is not known here (any more)", id)));
  send_json(*reply, {{"id", id}, {"object", "response"}, {"deleted", true}});
}

}  // namespace

Endpoint responses() { return {.method = "POST", .path = kPath, .answer = answer}; }
Endpoint response() { return {.method = "GET", .path = "/v1/responses/*", .answer = answer_kept}; }
Endpoint response_removal() { return {.method = "DELETE", .path = "/v1/responses/*", .answer = answer_removal}; }

}  // namespace hearth
