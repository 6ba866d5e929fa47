// AnswerState: ids go through the text stream and the stop strings into one event a step.
#include "engine/answer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hearth {
namespace {

constexpr size_t kPrimingIds = 8;                // ids of the prompt that tell a decoder it is not at a text's beginning
constexpr size_t kRememberedSteps = 1;           // the engine never takes a token back

SamplerOptions options_of(const Request& request, int choice) {
  SamplerOptions options = request.sampler;
  options.seed += static_cast<uint64_t>(choice);
  return options;
}

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

}  // namespace

GrammarState::GrammarState(const Request& request)
    : after_(request.grammar_after), from_(request.grammar_from), skips_(request.grammar_skips.first) {
  const bool may_skip = !from_.empty() && after_.empty() && !skips_.empty();
  waits_for_ = !after_.empty() ? WaitsFor::after : may_skip ? WaitsFor::beginning : from_.empty() ? WaitsFor::nothing : WaitsFor::from;
  if (may_skip) after_ = request.grammar_skips.second;
  matcher_.emplace(*request.grammar, kRememberedSteps);
}

void GrammarState::look_at_beginning(const std::string& text) {
  const size_t at = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  if (text.compare(at, skips_.size(), skips_) == 0) waits_for_ = WaitsFor::after;
  else if (!skips_.starts_with(std::string_view(text).substr(at))) waits_for_ = WaitsFor::from;
}

bool GrammarState::advance(int32_t id, const std::string& bytes) {
  if (is_active()) return matcher_->advance(id);
  const WaitsFor before = waits_for_;
  std::string text = seen_ + bytes;
  if (waits_for_ == WaitsFor::beginning) look_at_beginning(text);
  // True: `mark` is there, and `text` is what follows its place.
  const auto find = [&](const std::string& mark, size_t behind) {
    const size_t at = text.find(mark);
    text = at == std::string::npos ? text.substr(text.size() - std::min(text.size(), mark.size() - 1)) : text.substr(at + behind);
    return at != std::string::npos;
  };
  bool begins = false;
  if (waits_for_ == WaitsFor::after && find(after_, after_.size())) {
    begins = from_.empty();
    if (!begins) waits_for_ = WaitsFor::from;
  }
  if (waits_for_ == WaitsFor::from) begins = find(from_, 0);
  if (begins && !text.empty() && !matcher_->advance_bytes(text) && !(from_.empty() && is_blank(text))) {
    waits_for_ = before;
    return false;
  }
  seen_ = std::move(text);
  if (begins) waits_for_ = WaitsFor::nothing;
  return true;
}

AnswerState::AnswerState(std::shared_ptr<const Ask> ask, int choice, const Tokenizer* tokenizer)
    : ask_(std::move(ask)), choice_(choice), sampler_(options_of(ask_->request, choice)), history_(ask_->request.prompt),
      stops_(ask_->request.stop) {
  timing.prompt_tokens = static_cast<int64_t>(request().prompt.size());
  event_.choice = choice_;
  if (request().grammar) grammar.emplace(request());
  if (tokenizer == nullptr) return;
  stream_.emplace(*tokenizer);
  if (!request().continues_text) return;
  const size_t primed = std::min(kPrimingIds, request().prompt.size());
  for (size_t i = request().prompt.size() - primed; i < request().prompt.size(); ++i) stream_->add(request().prompt[i]);
}

bool AnswerState::is_end(int32_t id) const { return std::find(ask_->end_ids.begin(), ask_->end_ids.end(), id) != ask_->end_ids.end(); }

Finish AnswerState::add(int32_t id) {
  if (is_end(id) && !request().ignore_end) return Finish::end;
  event_.ids.push_back(id);
  history_.push_back(id);
  if (stream_) {
    const auto& shown = request().shown_specials;
    const bool is_shown = std::find(shown.begin(), shown.end(), id) != shown.end();
    event_.text += stops_.add(is_shown ? stream_->add_shown(id) : stream_->add(id));
  }
  ++timing.new_tokens;
  if (stops_.matched()) return Finish::stop;
  return request().max_new >= 0 && count() >= request().max_new ? Finish::length : Finish::none;
}

void AnswerState::flush() {
  const bool says_something = !event_.ids.empty() || !event_.text.empty() || !event_.prompt_logprobs.empty();
  if (!says_something || finished_) return;
  const Event event = std::exchange(event_, Event{.choice = choice_});
  if (ask_->on_event) ask_->on_event(event);
}

void AnswerState::finish(Finish why, const std::string& error) {
  if (finished_) return;
  flush();
  finished_ = true;
  Event event{.choice = choice_, .finish = why, .error = error};
  if (stream_) event.text = stops_.add(stream_->finish());
  if (stops_.matched()) event.finish = Finish::stop;
  event.text += stops_.finish();
  if (event.finish == Finish::stop) event.stopped_by = stops_.matched_stop();
  if (why == Finish::end || why == Finish::length || why == Finish::stop) {
    for (double value : pooled) event.embedding.push_back(static_cast<float>(value));
  }
  const auto now = Clock::now();
  const auto begun_at = begun == Clock::time_point{} ? now : begun;
  const auto answered_at = answered == Clock::time_point{} ? now : answered;
  timing.queue_ms = ms_between(ask_->arrived, begun_at);
  timing.prefill_ms = ms_between(begun_at, answered_at);
  timing.decode_ms = ms_between(answered_at, now);
  event.timing = timing;
  if (ask_->on_event) ask_->on_event(event);
}

}  // namespace hearth
