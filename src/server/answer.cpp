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

constexpr size_t kChoicesAtOnce = 64;  // of one request: a long list of prompts must not fill the queue

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One answer on its way. Events come from the engine's thread, one after the other.
class Answering : public std::enable_shared_from_this<Answering> {
 public:
  Answering(Services& services, AnswerOrder order, std::shared_ptr<HttpReply> reply)
      : services_(services), running_(services.running), order_(std::move(order)), reply_(std::move(reply)) {
    per_prompt_ = static_cast<size_t>(order_.requests[0].choices);
    open_ = per_prompt_ * order_.requests.size();
    answer().choices.resize(open_);
    for (const Request& request : order_.requests) {
      answer().prompts.push_back(request.prompt);
      answer().prompt_tokens += static_cast<int64_t>(request.prompt.size());
    }
    if (engine().has_tokenizer()) answer().tokenizer = &engine().tokenizer();
  }

  ~Answering() { let_go(); }

  void start();

 private:
  const Engine& engine() const { return order_.chosen.model->loop->engine(); }
  Answer& answer() { return order_.answer; }
  Result<Done> make_parsers();
  void on_event(size_t prompt, const Event& event);
  void take(const Event& event, AnswerDelta& delta);
  void end_choice(const Event& event, AnswerDelta& delta);
  std::optional<size_t> next_prompt();
  void submit();
  bool take_back(size_t prompt, const Error& error);
  void leave();
  void give_up();
  void cancel_all();
  void measure(const Event& event);
  void send(const AnswerDelta& delta);
  void finish();
  void let_go();

  Services& services_;
  const Running::Mark running_;
  AnswerOrder order_;
  std::shared_ptr<HttpReply> reply_;
  std::vector<MessageParser> parsers_;
  std::mutex mutex_;            // the worker that submits, and the engine's thread
  std::vector<RequestId> ids_;  // of what was submitted
  size_t per_prompt_ = 1;       // choices
  size_t next_ = 0;             // prompt to submit
  size_t open_ = 0;             // choices that have not ended
  size_t at_work_ = 0;          // those of them that were submitted
  bool gone_ = false;           // nobody reads this any more
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
  reply_->on_gone([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->leave();
  });
  submit();
}

// The prompt to submit now; it counts as submitted.
std::optional<size_t> Answering::next_prompt() {
  const std::lock_guard lock(mutex_);
  if (next_ == order_.requests.size() || (at_work_ > 0 && at_work_ + per_prompt_ > kChoicesAtOnce)) return std::nullopt;
  at_work_ += per_prompt_;
  return next_++;
}

// Submits prompts until enough are at work. From any thread but the engine's.
void Answering::submit() {
  std::unique_lock held(mutex_);
  const std::shared_ptr<ServedModel> model = order_.chosen.model;  // ours may be let go by the last event
  held.unlock();
  while (const auto prompt = next_prompt()) {
    auto submitted = model->loop->submit(
        order_.requests[*prompt], [self = shared_from_this(), prompt = *prompt](const Event& event) { self->on_event(prompt, event); });
    const std::lock_guard lock(mutex_);
    if (submitted.ok()) {
      ids_.push_back(*submitted);
      if (gone_ || failure_) model->loop->cancel(*submitted);
    } else if (!take_back(*prompt, submitted.failure())) {
      return;
    }
  }
}

// The engine did not take the prompt. A full queue is waited for where others of ours still make room; true: go on.
bool Answering::take_back(size_t prompt, const Error& error) {
  at_work_ -= per_prompt_;
  const bool full = Engine::is_full(error);
  if (full && at_work_ > 0 && prompt + 1 == next_ && !gone_ && !failure_) {
    --next_;
    return false;
  }
  if (!failure_) failure_ = full ? too_busy(error.text) : bad_request(error.text);
  open_ -= per_prompt_;
  give_up();
  return false;
}

// The client is gone.
void Answering::leave() {
  const std::lock_guard lock(mutex_);
  gone_ = true;
  give_up();
}

// What was not submitted never will be; the rest is cancelled, and the last of it finishes.
void Answering::give_up() {
  if (reply_ == nullptr) return;  // all has ended just as the client left
  open_ -= (order_.requests.size() - next_) * per_prompt_;
  next_ = order_.requests.size();
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
  if (event.finish == Finish::cancelled && !settled_ && !failure_) failure_ = server_stops();
  --open_;
  --at_work_;
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
  send(delta);
  if (failure_ || gone_) return give_up();
  if (open_ == 0) return finish();
  if (event.finish != Finish::none && next_ < order_.requests.size()) {
    services_.post([self = shared_from_this()] { self->submit(); });
  }
  const bool done = parsers_.size() == 1 && parsers_[0].is_settled();
  if (!done || settled_ || ids_.empty()) return;
  settled_ = true;
  cancel_all();
}

// All choices have ended.
void Answering::finish() {
  const AnswerChoice& first = answer().choices[0];
  if (first_token_s_ < 0 && !failure_ && !gone_) services_.metrics.count_tokens(answer().prompt_tokens, 0);
  services_.metrics.observe({.model = order_.chosen.model->id,
                             .finish = first.finish,
                             .timing = first.timing,
                             .first_token_s = first_token_s_,
                             .total_s = seconds_since(arrived_)});
  Trace trace{.id = answer().id,
              .model = answer().model,
              .path = order_.path,
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
  let_go();
}

// Elsewhere: the model's last holder joins the engine's thread, which may be running this.
void Answering::let_go() {
  if (order_.chosen.model != nullptr) services_.post([held = std::move(order_.chosen)] {});
}

}  // namespace

int64_t Answer::new_tokens() const {
  int64_t sum = 0;
  for (const AnswerChoice& choice : choices) sum += static_cast<int64_t>(choice.ids.size());
  return sum;
}

std::string ApiDialect::failure(const Answer&, const ApiError& error) { return sse_event(dump(refusal(error))); }

void run_answer(Services& services, AnswerOrder order, std::shared_ptr<HttpReply> reply) {
  std::make_shared<Answering>(services, std::move(order), std::move(reply))->start();
}

void refuse(ApiDialect& dialect, HttpReply& reply, const ApiError& error) {
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
