// Answers: events of the engine -> messages -> the dialect's words, with the client's leaving and the measures on the
// way.
#include "server/answer.h"

#include <chrono>
#include <mutex>
#include <optional>
#include <random>

#include "server/endpoint.h"
#include "server/sse.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One answer on its way. Events come from the engine's thread, one after the other.
class Answering : public std::enable_shared_from_this<Answering> {
 public:
  Answering(Services& services, AnswerOrder order, std::shared_ptr<HttpReply> reply)
      : services_(services), order_(std::move(order)), reply_(std::move(reply)) {
    per_prompt_ = static_cast<size_t>(order_.requests[0].choices);
    open_ = per_prompt_ * order_.requests.size();
    answer().choices.resize(open_);
    for (const Request& request : order_.requests) {
      answer().prompts.push_back(request.prompt);
      answer().prompt_tokens += static_cast<int64_t>(request.prompt.size());
    }
    if (engine().has_tokenizer()) answer().tokenizer = &engine().tokenizer();
  }

  void start();

 private:
  const Engine& engine() const { return order_.chosen.model->loop->engine(); }
  Answer& answer() { return order_.answer; }
  Result<Done> make_parsers();
  void on_event(size_t prompt, const Event& event);
  void take(const Event& event, AnswerDelta& delta);
  void end_choice(const Event& event, AnswerDelta& delta);
  void give_up(size_t first_prompt, const ApiError& error);
  void cancel_all();
  void measure(const Event& event);
  void send(const AnswerDelta& delta);
  void finish();

  Services& services_;
  AnswerOrder order_;
  std::shared_ptr<HttpReply> reply_;
  std::vector<MessageParser> parsers_;
  std::mutex mutex_;            // the worker that submits, and the engine's thread
  std::vector<RequestId> ids_;  // of what was submitted
  size_t per_prompt_ = 1;       // choices
  size_t open_ = 0;             // choices that have not ended
  bool streaming_ = false;      // the head has been sent
  bool settled_ = false;        // nothing more is wanted: our own cancel is no failure
  std::optional<ApiError> failure_;
  Clock::time_point arrived_ = Clock::now();
  std::chrono::system_clock::time_point arrived_at_ = std::chrono::system_clock::now();
  Clock::time_point last_token_ = {};
  double first_token_s_ = -1;
};

Result<Done> Answering::make_parsers() {
  if (!order_.message) return Done{};
  for (size_t i = 0; i < answer().choices.size(); ++i) {
    MessageOptions options = *order_.message;
    options.seed += i;
    TRY(MessageParser parser, MessageParser::make(std::move(options)));
    parsers_.push_back(std::move(parser));
  }
  return Done{};
}

void Answering::start() {
  auto parsers = make_parsers();
  if (!parsers.ok()) return refuse(*order_.dialect, *reply_, server_failure(parsers.message()));
  const std::shared_ptr<HttpReply> reply = reply_;  // ours may be let go by the last event, before all is submitted
  const std::shared_ptr<ServedModel> model = order_.chosen.model;
  const std::vector<Request> requests = std::move(order_.requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    auto submitted = model->loop->submit(
        requests[i], [self = shared_from_this(), i](const Event& event) { self->on_event(i, event); });
    if (!submitted.ok()) {
      const bool full = Engine::is_full(submitted.failure());
      return give_up(i, full ? too_busy(submitted.message()) : bad_request(submitted.message()));
    }
    const std::lock_guard lock(mutex_);
    ids_.push_back(*submitted);
  }
  const std::lock_guard lock(mutex_);
  reply->on_gone([weak = std::weak_ptr<ServedModel>(model), ids = ids_] {
    const auto alive = weak.lock();
    for (size_t i = 0; alive != nullptr && i < ids.size(); ++i) alive->loop->cancel(ids[i]);
  });
}

// The prompts from `first` on were refused: so is the whole answer, once those before have ended.
void Answering::give_up(size_t first_prompt, const ApiError& error) {
  const std::lock_guard lock(mutex_);
  open_ -= (answer().prompts.size() - first_prompt) * per_prompt_;
  failure_ = error;
  cancel_all();
  if (open_ == 0) finish();
}

void Answering::cancel_all() {
  for (const RequestId id : ids_) order_.chosen.model->loop->cancel(id);
}

// Adds the event to the answer; `delta` gets what is new.
void Answering::take(const Event& event, AnswerDelta& delta) {
  AnswerChoice& choice = answer().choices[static_cast<size_t>(delta.choice)];
  delta.ids = event.ids;
  delta.logprobs = event.logprobs;
  if (parsers_.empty()) {
    delta.message.content = event.text;
  } else {
    MessageParser& parser = parsers_[static_cast<size_t>(delta.choice)];
    delta.message = parser.add(event.text);
    if (event.finish != Finish::none) {
      MessageDelta rest = parser.finish();
      delta.message.content += rest.content;
      delta.message.reasoning += rest.reasoning;
      for (ToolCallDelta& call : rest.tool_calls) delta.message.tool_calls.push_back(std::move(call));
    }
  }
  choice.content += delta.message.content;
  choice.reasoning += delta.message.reasoning;
  for (const ToolCallDelta& call : delta.message.tool_calls) {
    const auto index = static_cast<size_t>(call.index);
    if (index >= choice.tool_calls.size()) choice.tool_calls.resize(index + 1);
    AnsweredToolCall& known = choice.tool_calls[index];
    known.id += call.id;
    known.name += call.name;
    known.arguments += call.arguments;
  }
  choice.ids.insert(choice.ids.end(), event.ids.begin(), event.ids.end());
  choice.logprobs.insert(choice.logprobs.end(), event.logprobs.begin(), event.logprobs.end());
  if (!event.prompt_logprobs.empty()) choice.prompt_logprobs = event.prompt_logprobs;
  if (!event.embedding.empty()) choice.embedding = event.embedding;
}

void Answering::end_choice(const Event& event, AnswerDelta& delta) {
  AnswerChoice& choice = answer().choices[static_cast<size_t>(delta.choice)];
  choice.finish = settled_ && event.finish == Finish::cancelled ? Finish::end : event.finish;
  choice.stopped_by = event.stopped_by;
  choice.timing = event.timing;
  delta.finish = choice.finish;
  if (event.choice == 0) answer().cached_tokens += event.timing.reused_tokens;
  if (event.finish == Finish::failed && !failure_) failure_ = server_failure(event.error);
  --open_;
}

void Answering::measure(const Event& event) {
  if (event.ids.empty()) return;
  const auto now = Clock::now();
  const bool first = first_token_s_ < 0;
  if (first) {
    first_token_s_ = seconds_since(arrived_);
  } else if (answer().choices.size() == 1) {
    services_.metrics.observe_token_gap(std::chrono::duration<double>(now - last_token_).count());
  }
  last_token_ = now;
  services_.metrics.count_tokens(first ? answer().prompt_tokens : 0, static_cast<int64_t>(event.ids.size()));
}

void Answering::send(const AnswerDelta& delta) {
  if (order_.delivery == Delivery::whole || failure_) return;
  std::string text;
  if (!streaming_) {
    streaming_ = true;
    reply_->begin_stream(200, kSseContentType, {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}});
    text = order_.dialect->begin(answer());
  }
  if (!delta.message.is_empty() || !delta.logprobs.empty() || delta.finish != Finish::none)
    text += order_.dialect->delta(answer(), delta);
  if (!text.empty()) reply_->write(text);
}

void Answering::on_event(size_t prompt, const Event& event) {
  const std::lock_guard lock(mutex_);
  AnswerDelta delta{.choice = static_cast<int>(prompt * per_prompt_) + event.choice};
  measure(event);
  take(event, delta);
  if (event.finish != Finish::none) end_choice(event, delta);
  if (event.finish != Finish::failed) send(delta);
  if (open_ == 0) return finish();
  const bool done = parsers_.size() == 1 && parsers_[0].is_settled();
  if (!done || settled_ || ids_.empty()) return;
  settled_ = true;
  cancel_all();
}

// All choices have ended. The model is let go elsewhere: its last holder joins the thread that runs this.
void Answering::finish() {
  const AnswerChoice& first = answer().choices[0];
  services_.metrics.observe({.model = order_.chosen.model->id,
                             .finish = first.finish,
                             .timing = first.timing,
                             .first_token_s = first_token_s_,
                             .total_s = seconds_since(arrived_)});
  Trace trace{.id = answer().id,
              .model = answer().model,
              .arrived = arrived_at_,
              .finish = first.finish,
              .timing = first.timing};
  trace.timing.new_tokens = answer().new_tokens();
  services_.traces.add(std::move(trace));
  if (failure_ && streaming_) {
    reply_->write(order_.dialect->failure(answer(), *failure_));
    reply_->end();
  } else if (failure_) {
    refuse(*order_.dialect, *reply_, *failure_);
  } else if (order_.delivery == Delivery::stream) {
    reply_->write(order_.dialect->end(answer()));
    reply_->end();
  } else {
    send_json(*reply_, order_.dialect->whole(answer()));
  }
  reply_.reset();
  services_.post([held = std::move(order_.chosen)] {});
}

}  // namespace

int64_t Answer::new_tokens() const {
  int64_t sum = 0;
  for (const AnswerChoice& choice : choices) sum += static_cast<int64_t>(choice.ids.size());
  return sum;
}

std::string Dialect::failure(const Answer&, const ApiError& error) { return sse_event(dump(refusal(error))); }

void run_answer(Services& services, AnswerOrder order, std::shared_ptr<HttpReply> reply) {
  std::make_shared<Answering>(services, std::move(order), std::move(reply))->start();
}

void refuse(Dialect& dialect, HttpReply& reply, const ApiError& error) {
  send_json(reply, dialect.refusal(error), error.status, headers_of(error));
}

int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string new_id(const std::string& prefix) {
  static constexpr char kLetters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr int kLength = 24;
  std::random_device random;
  std::string id = prefix;
  for (int i = 0; i < kLength; ++i) id += kLetters[random() % (sizeof(kLetters) - 1)];
  return id;
}

}  // namespace hearth
