// AnswerState: what turns the ids of one choice into events: text, stop strings, the grammar's state, counts, why it ends.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/stops.h"
#include "text/tokenizer.h"

namespace hearth {

using Clock = std::chrono::steady_clock;
inline double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

// A request at work, shared by its choices.
struct Ask {
  uint64_t id = 0;
  Request request;
  OnEvent on_event;
  Clock::time_point arrived;
  std::vector<int32_t> end_ids;
};

// The grammar of one choice: waits for `grammar_after` and `grammar_from`, then follows every token.
class GrammarState {
 public:
  explicit GrammarState(const Request& request);

  bool is_active() const { return waits_for_ == WaitsFor::nothing; }
  bool must_come() const { return from_.empty(); }       // or may the answer end without it?
  GrammarMatcher& matcher() { return *matcher_; }
  // `bytes`: what the token adds to the text, markers spelt out. False: the token cannot come here.
  bool advance(int32_t id, const std::string& bytes);

 private:
  enum class WaitsFor { nothing, beginning, after, from };
  void look_at_beginning(const std::string& text);

  std::optional<GrammarMatcher> matcher_;
  std::string after_, from_, skips_;
  WaitsFor waits_for_;
  std::string seen_;                     // text before the grammar that may be a part of what is waited for
};

class AnswerState {
 public:
  AnswerState(std::shared_ptr<const Ask> ask, int choice, const Tokenizer* tokenizer);

  // Takes a sampled id into the next event; says why the answer ends with it, or none.
  Finish add(int32_t id);
  void add(LogprobEntry entry) { event_.logprobs.push_back(std::move(entry)); }
  void add_prompt(LogprobEntry entry) { event_.prompt_logprobs.push_back(std::move(entry)); }
  void flush();                          // the event goes out if it says anything
  // The last event; nothing comes after it.
  void finish(Finish why, const std::string& error = "");
  bool is_finished() const { return finished_; }

  int64_t count() const { return timing.new_tokens; }
  bool is_end(int32_t id) const;
  int32_t sample(const Logits& row, std::span<const uint32_t> allowed) {
    return sampler_.sample(row, history_, static_cast<uint64_t>(count()), allowed);
  }

  Timing timing;
  Clock::time_point begun{}, answered{};         // its first row was scheduled; its first token was there
  std::optional<GrammarState> grammar;
  std::vector<double> pooled;                    // of a pooling request, so far

 private:
  const Request& request() const { return ask_->request; }

  std::shared_ptr<const Ask> ask_;
  int choice_;
  Sampler sampler_;
  std::vector<int32_t> history_;                 // everything said, for penalties
  Stops stops_;
  std::optional<TextStream> stream_;
  Event event_;                                  // the next
  bool finished_ = false;
};

}  // namespace hearth
