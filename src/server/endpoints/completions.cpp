// POST /v1/completions, OpenAI's older API: text goes on where a prompt ends.
#include "server/chat_call.h"
#include "server/endpoint.h"
#include "server/openai_words.h"
#include "server/prompt_fields.h"
#include "server/sse.h"
#include "server/text_frame.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, completions)

namespace {

constexpr char kPath[] = "/v1/completions";
constexpr size_t kMostPrompts = 128;
constexpr int kMostChoices = 128, kMostLogprobs = 20;

enum class Echo { no, yes };

// {"tokens", "token_logprobs", "top_logprobs", "text_offset"} of one choice, piece by piece.
class LegacyLogprobs {
 public:
  LegacyLogprobs(const Answer& answer, size_t offset) : answer_(answer), offset_(offset) {}
  void add(int32_t id, const LogprobEntry* entry) {
    const std::string text = token_text(answer_, id);
    tokens_.push_back(text);
    offsets_.push_back(offset_);
    offset_ += text.size();
    if (entry == nullptr) {
      logprobs_.push_back(nullptr);
      tops_.push_back(nullptr);
      return;
    }
    logprobs_.push_back(entry->chosen.logprob);
    OrderedJson top = OrderedJson::object();
    for (const TokenLogprob& token : entry->top) top[token_text(answer_, token.id)] = token.logprob;
    tops_.push_back(std::move(top));
  }
  OrderedJson words() && {
    return {{"tokens", std::move(tokens_)},
            {"token_logprobs", std::move(logprobs_)},
            {"top_logprobs", std::move(tops_)},
            {"text_offset", std::move(offsets_)}};
  }

 private:
  const Answer& answer_;
  size_t offset_;
  OrderedJson tokens_ = OrderedJson::array(), logprobs_ = OrderedJson::array(), tops_ = OrderedJson::array(),
              offsets_ = OrderedJson::array();
};

class CompletionDialect : public ApiDialect {
 public:
  CompletionDialect(Echo echo, UsageChunk usage, bool logprobs) : echo_(echo), usage_(usage), logprobs_(logprobs) {}

  std::string begin(const Answer& answer) override {
    offsets_.resize(answer.choices.size());
    std::string text;
    for (size_t i = 0; echo_ == Echo::yes && i < answer.choices.size(); ++i) {
      const std::string prompt = prompt_text(answer, i);
      text += chunk(answer, i, prompt, nullptr, nullptr);
      offsets_[i] = prompt.size();
    }
    return text;
  }

  std::string delta(const Answer& answer, const AnswerDelta& delta) override {
    const auto index = static_cast<size_t>(delta.choice);
    if (delta.logprobs.empty() && delta.finish == Finish::none) {
      offsets_[index] += delta.message.content.size();
      return frame(answer, index).with(delta.message.content);
    }
    OrderedJson logprobs = nullptr;
    if (!delta.logprobs.empty()) {
      LegacyLogprobs legacy(answer, offsets_[index]);
      for (const LogprobEntry& entry : delta.logprobs) legacy.add(entry.chosen.id, &entry);
      logprobs = std::move(legacy).words();
    }
    offsets_[index] += delta.message.content.size();
    const OrderedJson finish = delta.finish == Finish::none ? OrderedJson(nullptr) : finish_word(answer.choices[index]);
    return chunk(answer, index, delta.message.content, finish, logprobs);
  }

  std::string end(const Answer& answer) override {
    if (usage_ == UsageChunk::no) return sse_done();
    OrderedJson last = head(answer);
    last["choices"] = OrderedJson::array();
    last["usage"] = usage_words(answer);
    last["timings"] = timing_words(answer);
    return sse_event(dump(last)) + sse_done();
  }

  OrderedJson whole(const Answer& answer) override {
    OrderedJson body = head(answer);
    body["choices"] = OrderedJson::array();
    for (size_t i = 0; i < answer.choices.size(); ++i) {
      const AnswerChoice& choice = answer.choices[i];
      const std::string prompt = echo_ == Echo::yes ? prompt_text(answer, i) : "";
      body["choices"].push_back({{"text", prompt + choice.content},
                                 {"index", i},
                                 {"logprobs", all_logprobs(answer, i)},
                                 {"finish_reason", finish_word(choice)}});
    }
    body["usage"] = usage_words(answer);
    body["timings"] = timing_words(answer);
    return body;
  }

 private:
  static OrderedJson head(const Answer& answer) {
    return {{"id", answer.id},
            {"object", "text_completion"},
            {"created", answer.created},
            {"model", answer.model},
            {"system_fingerprint", nullptr}};
  }
  static std::string prompt_text(const Answer& answer, size_t choice) {
    return answer.tokenizer == nullptr
               ? ""
               : answer.tokenizer->decode(answer.prompts[answer.prompt_of(choice)], Show::text_only);
  }
  std::string chunk(const Answer& answer, size_t index, const std::string& text, const OrderedJson& finish,
                    const OrderedJson& logprobs) {
    OrderedJson body = head(answer);
    body["choices"] =
        OrderedJson::array({{{"text", text}, {"index", index}, {"logprobs", logprobs}, {"finish_reason", finish}}});
    if (usage_ == UsageChunk::yes) body["usage"] = nullptr;
    return sse_event(dump(body));
  }
  const TextFrame& frame(const Answer& answer, size_t index) {
    if (frames_.size() <= index) frames_.resize(index + 1);
    auto& frame = frames_[index];
    if (!frame) frame.emplace(chunk(answer, index, std::string(TextFrame::kMark), nullptr, nullptr));
    return *frame;
  }
  OrderedJson all_logprobs(const Answer& answer, size_t index) {
    if (!logprobs_) return nullptr;
    LegacyLogprobs legacy(answer, 0);
    const size_t per_prompt = answer.choices.size() / answer.prompts.size();
    const auto& of_prompt = answer.choices[index / per_prompt * per_prompt].prompt_logprobs;
    if (echo_ == Echo::yes) {
      const std::vector<int32_t>& prompt = answer.prompts[answer.prompt_of(index)];
      for (size_t i = 0; i < prompt.size(); ++i)
        legacy.add(prompt[i], i == 0 || i > of_prompt.size() ? nullptr : &of_prompt[i - 1]);
    }
    for (const LogprobEntry& entry : answer.choices[index].logprobs) legacy.add(entry.chosen.id, &entry);
    return std::move(legacy).words();
  }

  Echo echo_;
  UsageChunk usage_;
  bool logprobs_;
  std::vector<size_t> offsets_;  // bytes of text told, by choice
  std::vector<std::optional<TextFrame>> frames_;  // by choice
};

struct CompletionBody {
  std::string model;
  std::vector<PromptAsked> prompts;
  SamplingAsked sampling;
  GrammarAsked grammar;
  Request request;
  Echo echo = Echo::no;
  Delivery delivery = Delivery::whole;
  UsageChunk usage = UsageChunk::no;
};

ApiResult<CompletionBody> read_completion(const OrderedJson& body) {
  Fields fields(body);
  CompletionBody read;
  read.model = fields.text("model");
  read.prompts = read_prompts(fields, "prompt", kMostPrompts);
  read.sampling = read_sampling(fields);
  read.grammar = read_grammar(fields);
  read_stream(fields, read.delivery, read.usage);
  read.echo = fields.flag("echo", false) ? Echo::yes : Echo::no;
  Request& request = read.request;
  request.stop = read_stop(fields);
  request.max_new = fields.integer("max_tokens", 16, {0, kMostTokens});
  request.choices = static_cast<int>(fields.integer("n", 1, {1, kMostChoices}));
  request.top_logprobs = static_cast<int>(fields.integer("logprobs", -1, {0, kMostLogprobs}));
  request.prompt_logprobs = request.top_logprobs >= 0 && read.echo == Echo::yes;
  request.ignore_end = fields.flag("ignore_eos", false);
  request.continues_text = true;
  if (fields.integer("best_of", request.choices, {1, kMostChoices}) != request.choices)
    fields.fail("best_of", "is not supported beyond n; give it the value of 'n'");
  if (!fields.text("suffix").empty())
    fields.fail("suffix", "is not supported: the models here go on with a text, they do not fill it in");
  fields.ignore({"user"});
  if (auto failure = fields.done()) return *failure;
  return read;
}

ApiResult<AnswerOrder> prepare(const CompletionBody& read, Chosen chosen) {
  EngineLoop& loop = *chosen.model->loop;
  TRY(auto prompts, prompt_ids(read.prompts, loop.engine(), "prompt"));
  AnswerOrder order{
      .chosen = chosen, .answer = {.id = new_id("cmpl-"), .created = unix_now()}, .delivery = read.delivery};
  Request request = read.request;
  request.sampler = sampler_of(read.sampling, loop.engine().card());
  request.adapter = chosen.adapter;
  TRY(request.grammar, bind_grammar(read.grammar, loop));
  for (std::vector<int32_t>& prompt : prompts) {
    request.prompt = std::move(prompt);
    order.requests.push_back(request);
  }
  order.answer.model = read.model.empty() ? chosen.model->id : read.model;
  order.path = kPath;
  order.dialect = std::make_unique<CompletionDialect>(read.echo, read.usage, read.request.top_logprobs >= 0);
  return order;
}

void answer(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  auto body = read_body(request);
  if (!body) return send_error(*reply, body.failure());
  auto read = read_completion(*body);
  if (!read) return send_error(*reply, read.failure());
  read->request.client = client_of(request);
  const std::string model = read->model;
  choose_and_run(
      services, model, [read = *read](Chosen chosen) { return prepare(read, std::move(chosen)); }, std::move(reply));
}

}  // namespace

Endpoint completions() { return {.method = "POST", .path = kPath, .answer = answer}; }

}  // namespace hearth
