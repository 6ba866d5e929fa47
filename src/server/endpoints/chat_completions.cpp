// POST /v1/chat/completions, as OpenAI has it.
#include "server/chat_call.h"
#include "server/endpoint.h"
#include "server/openai_words.h"
#include "server/sse.h"
#include "server/text_frame.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, chat_completions)

namespace {

constexpr char kPath[] = "/v1/chat/completions";
constexpr int kMostChoices = 128;

class ChatDialect : public ApiDialect {
 public:
  explicit ChatDialect(UsageChunk usage) : usage_(usage) {}

  std::string begin(const Answer& answer) override {
    std::string text;
    for (size_t i = 0; i < answer.choices.size(); ++i) {
      text += chunk(answer, i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
    }
    return text;
  }

  std::string delta(const Answer& answer, const AnswerDelta& delta) override {
    std::string text;
    const auto index = static_cast<size_t>(delta.choice);
    const AnswerChoice& choice = answer.choices[index];
    const MessageDelta& message = delta.message;
    const bool is_text = !message.content.empty() && message.reasoning.empty() && message.tool_calls.empty();
    if (is_text && delta.logprobs.empty() && delta.finish == Finish::none) {
      return frame(answer, index).with(message.content);
    }
    OrderedJson words = delta_words(message);
    const OrderedJson logprobs = delta.logprobs.empty() ? OrderedJson(nullptr) : chat_logprobs(answer, delta.logprobs);
    if (!words.empty() || !delta.logprobs.empty()) text += chunk(answer, index, std::move(words), nullptr, logprobs);
    if (delta.finish != Finish::none) text += chunk(answer, index, OrderedJson::object(), finish_word(choice), nullptr);
    return text;
  }

  std::string end(const Answer& answer) override {
    if (usage_ == UsageChunk::no) return sse_done();
    OrderedJson last = head(answer, "chat.completion.chunk");
    last["choices"] = OrderedJson::array();
    last["usage"] = usage_words(answer);
    last["timings"] = timing_words(answer);
    return sse_event(dump(last)) + sse_done();
  }

  OrderedJson whole(const Answer& answer) override {
    OrderedJson body = head(answer, "chat.completion");
    body["choices"] = OrderedJson::array();
    for (size_t i = 0; i < answer.choices.size(); ++i) {
      const AnswerChoice& choice = answer.choices[i];
      body["choices"].push_back({{"index", i},
                                 {"message", message_words(choice)},
                                 {"logprobs", choice.logprobs.empty() ? OrderedJson(nullptr) : chat_logprobs(answer, choice.logprobs)},
                                 {"finish_reason", finish_word(choice)}});
    }
    body["usage"] = usage_words(answer);
    body["timings"] = timing_words(answer);
    return body;
  }

 private:
  static OrderedJson head(const Answer& answer, const char* object) {
    return {{"id", answer.id},       {"object", object}, {"created", answer.created},
            {"model", answer.model}, {"system_fingerprint", nullptr}};
  }
  std::string chunk(const Answer& answer, size_t index, OrderedJson delta, const OrderedJson& finish, const OrderedJson& logprobs) {
    OrderedJson body = head(answer, "chat.completion.chunk");
    body["choices"] = OrderedJson::array({{{"index", index}, {"delta", std::move(delta)}, {"logprobs", logprobs}, {"finish_reason", finish}}});
    if (usage_ == UsageChunk::yes) body["usage"] = nullptr;
    return sse_event(dump(body));
  }
  const TextFrame& frame(const Answer& answer, size_t index) {
    if (frames_.size() <= index) frames_.resize(index + 1);
    auto& frame = frames_[index];
    if (!frame) frame.emplace(chunk(answer, index, {{"content", TextFrame::kMark}}, nullptr, nullptr));
    return *frame;
  }

  UsageChunk usage_;
  std::vector<std::optional<TextFrame>> frames_;  // by choice
};

struct ChatBody {
  ChatCall call;
  Delivery delivery = Delivery::whole;
  UsageChunk usage = UsageChunk::no;
};

void read_thinking(Fields& fields, ChatCall& call) {
  if (const OrderedJson* values = fields.object("chat_template_kwargs")) call.template_values = *values;
  const std::string effort = fields.one_of("reasoning_effort", "", {"none", "minimal", "low", "medium", "high", "xhigh"});
  if (!effort.empty()) {
    call.template_values["reasoning_effort"] = effort;
    if (!call.template_values.contains("enable_thinking")) call.template_values["enable_thinking"] = effort != "none";
  }
  if (!fields.flag("separate_reasoning", true)) call.reasoning = ReasoningSplit::off;
}

void read_logprobs(Fields& fields, Request& request) {
  const bool wanted = fields.flag("logprobs", false);
  const int64_t top = fields.integer("top_logprobs", 0, {0, 20});
  if (top > 0 && !wanted) fields.fail("top_logprobs", "needs \"logprobs\": true");
  if (wanted) request.top_logprobs = static_cast<int>(top);
}

ApiResult<ChatBody> read_chat(const OrderedJson& body) {
  Fields fields(body);
  ChatBody read;
  ChatCall& call = read.call;
  call.model = fields.text("model");
  call.messages = read_messages(fields);
  read_tool_fields(fields, call);
  call.grammar = read_grammar(fields);
  call.sampling = read_sampling(fields);
  read_thinking(fields, call);
  read_logprobs(fields, call.request);
  read_stream(fields, read.delivery, read.usage);
  call.request.stop = read_stop(fields);
  const int64_t old_max = fields.integer("max_tokens", -1, {-1, kMostTokens});
  call.request.max_new = fields.integer("max_completion_tokens", old_max, {-1, kMostTokens});
  call.request.choices = static_cast<int>(fields.integer("n", 1, {1, kMostChoices}));
  call.request.ignore_end = fields.flag("ignore_eos", false);
  fields.ignore({"user", "metadata", "store", "service_tier", "prediction", "modalities", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "verbosity"});
  if (auto failure = fields.done()) return *failure;
  return read;
}

void answer(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  auto body = read_body(request);
  if (!body) return send_error(*reply, body.failure());
  auto read = read_chat(*body);
  if (!read) return send_error(*reply, read.failure());
  const auto dialect = [usage = read->usage] { return std::make_unique<ChatDialect>(usage); };
  run_chat(services, request, std::move(read->call), {kPath, "chatcmpl-", read->delivery, dialect}, std::move(reply));
}

}  // namespace

Endpoint chat_completions() { return {.method = "POST", .path = kPath, .answer = answer}; }

}  // namespace hearth
