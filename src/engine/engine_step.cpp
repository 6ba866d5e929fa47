// Engine's step: schedule -> draft -> run -> sample -> emit.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/engine_impl.h"
#include "engine/logprobs.h"

namespace hearth {
namespace {

constexpr double kNew = 0.2;                     // weight of a new measurement in a decaying mean
constexpr double kStepMs = 80;                   // how long a step with prompts beside answers may take
constexpr int64_t kLeastBeside = 16;             // prompt rows beside answers, however slow they are
constexpr int64_t kLargeStep = 32;               // rows from which a step tells what a prompt row costs
constexpr size_t kForcedBytes = 512;             // forced text looked at in one go

void blend(double& mean, double value) { mean = mean == 0 ? value : mean + kNew * (value - mean); }

}  // namespace

bool Engine::Impl::run_step() {
  if (works.empty()) return false;
  const double draft_ms = propose_drafts();
  Schedule plan = scheduler.schedule();
  counts.preempted += plan.preempted;
  for (const Hopeless& lost : plan.hopeless) ended(*lost.sequence, Finish::failed, lost.why);
  for (const Slice& slice : plan.slices) {
    Accepted& work = *works.at(slice.sequence->ask->id);
    if (!std::exchange(work.was_begun, true)) waiting.fetch_sub(1);
  }
  if (plan.slices.empty()) return !plan.hopeless.empty();
  const auto start = Clock::now();
  const auto computed = compute(plan);
  const double ms = ms_between(start, Clock::now());
  ++counts.steps;
  counts.step_ms += ms;
  if (!computed.ok()) {
    fail(plan, computed.message());
    return true;
  }
  int64_t rows = 0;
  bool has_prompts = false, has_drafts = false;
  for (const Slice& slice : plan.slices) {
    rows += slice.count;
    has_prompts |= !slice.sequence->is_answering;
    has_drafts |= !slice.sequence->draft.empty();
  }
  const auto sequences = static_cast<int64_t>(plan.slices.size());
  const int64_t said_before = counts.generated_tokens;
  if (!has_prompts) times.observe(rows, ms);
  if (!has_prompts && !has_drafts && rows == sequences) plain_times.observe(rows, ms);
  if (rows >= kLargeStep) {
    blend(row_ms, ms / static_cast<double>(rows));
    scheduler.set_prompt_tokens_beside(std::max(kLeastBeside, static_cast<int64_t>(kStepMs / row_ms)));
  }
  size_t at = 0, hidden_at = 0;
  for (const Slice& slice : plan.slices) {
    const size_t hidden_size = slice.embeds * step.limits().hidden;
    take(slice, step.logits().part(at, slice.wanted), step.embeddings().subspan(hidden_at, hidden_size));
    at += slice.wanted;
    hidden_at += hidden_size;
  }
  if (gate && !has_prompts && (has_drafts || draft_ms > 0)) {
    const double tokens = static_cast<double>(counts.generated_tokens - said_before) / static_cast<double>(sequences);
    gate->observe(plain_times.at(sequences) * tokens, ms + draft_ms);
  }
  return true;
}

Result<Done> Engine::Impl::compute(const Schedule& plan) {
  for (const PageCopy& copy : plan.copies) TRY_DONE(step.executable().copy_page(copy.from, copy.to));
  std::vector<std::vector<int32_t>> with_drafts;         // ids of slices that end in drafts
  with_drafts.reserve(plan.slices.size());
  std::vector<StepPart> parts;
  for (const Slice& slice : plan.slices) {
    const Sequence& sequence = *slice.sequence;
    std::span<const int32_t> ids = sequence.ids;
    if (!sequence.draft.empty()) {
      auto& joined = with_drafts.emplace_back(sequence.ids.begin() + sequence.computed, sequence.ids.end());
      joined.insert(joined.end(), sequence.draft.begin(), sequence.draft.end());
      ids = joined;
    } else {
      ids = ids.subspan(sequence.computed, slice.count);
    }
    parts.push_back({.ids = ids, .first = sequence.computed, .pages = sequence.pages, .wanted = slice.wanted,
                     .embeds_first = slice.embeds_first, .embeds = slice.embeds, .adapter = sequence.adapter});
  }
  return step.run(parts);
}

// What lies in pages is in doubt: sequences of this step end, others are computed again.
void Engine::Impl::fail(const Schedule& plan, const std::string& error) {
  for (const auto& sequence : scheduler.all()) sequence->published = sequence->computed = 0;
  for (const Slice& slice : plan.slices) ended(*slice.sequence, Finish::failed, error);
  for (const auto& sequence : std::vector(scheduler.running())) scheduler.give_up(*sequence);
  cache.clear();
}

void Engine::Impl::take_prompt_logprobs(Sequence& sequence, int64_t end, std::span<const float> logits) {
  const Request& request = sequence.request();
  const int64_t last = std::min<int64_t>(end, static_cast<int64_t>(request.prompt.size()) - 1);
  for (int64_t row = 0; sequence.logprobs_done < last; ++row, ++sequence.logprobs_done) {
    const auto row_logits = logits.subspan(row * card.vocabulary, card.vocabulary);
    const int32_t next = request.prompt[sequence.logprobs_done + 1];
    const LogprobEntry entry = logprobs_of(row_logits, next, std::max(0, request.top_logprobs));
    sequence.answer.add_prompt(entry);
    for (const auto& follower : sequence.followers) follower->answer.add_prompt(entry);
  }
}

void Engine::Impl::pool(const Slice& slice, std::span<const float> hidden) {
  Sequence& sequence = *slice.sequence;
  const int64_t width = step.limits().hidden;
  std::vector<double>& pooled = sequence.answer.pooled;
  pooled.resize(width, 0.0);
  for (int64_t row = 0; row < slice.embeds; ++row) {
    for (int64_t i = 0; i < width; ++i) pooled[i] += static_cast<double>(hidden[row * width + i]);
  }
  if (sequence.left() > 0) return;
  if (sequence.request().pooling == Pooling::mean) {
    for (double& value : pooled) value /= static_cast<double>(sequence.size());
  }
  ended(sequence, Finish::end);
}

// What a slice's rows say of its sequence.
void Engine::Impl::take(const Slice& slice, const Logits& logits, std::span<const float> hidden) {
  const std::shared_ptr<Sequence> kept = slice.sequence;
  Sequence& sequence = *kept;
  const auto drafts = static_cast<int64_t>(sequence.draft.size());
  const int64_t end = sequence.computed + slice.count - drafts;
  if (sequence.wants_prompt_logprobs()) take_prompt_logprobs(sequence, end, logits.values);
  if (!sequence.is_answering) counts.prompt_tokens += slice.count;
  sequence.computed = end;
  scheduler.publish(sequence);
  if (sequence.request().pooling != Pooling::none) return pool(slice, hidden);
  if (sequence.left() > 0) return;
  sequence.is_answering = true;
  if (sequence.answer.answered == Clock::time_point{}) sequence.answer.answered = Clock::now();
  const Logits last_rows = logits.last(1 + drafts);
  const auto followers = std::exchange(sequence.followers, {});
  for (const auto& follower : followers) {
    follower->answer.begun = sequence.answer.begun;
    follower->answer.answered = sequence.answer.answered;
    follower->answer.timing.reused_tokens = sequence.answer.timing.reused_tokens;
    follower->logprobs_done = sequence.logprobs_done;
    scheduler.fork(sequence, follower);
  }
  answer(sequence, last_rows);
  for (const auto& follower : followers) answer(*follower, last_rows);
}

// Samples row by row while drafts turn out right; `logits`: of the last id, then of each draft.
void Engine::Impl::answer(Sequence& sequence, const Logits& logits) {
  AnswerState& answer = sequence.answer;
  const std::vector<int32_t> draft = std::exchange(sequence.draft, {});
  const auto drafts = static_cast<int64_t>(draft.size());
  const int64_t count_before = answer.count();
  Said said;
  if (sequence.request().max_new == 0) said.finish = Finish::length;
  int64_t right = 0;                             // drafts that are what was said
  bool on_track = true;                          // the rows after the drafts that are right are those of what was said
  while (on_track && said.finish == Finish::none) {
    const int64_t size = sequence.size();
    if (answer.count() == 0) said = append_forced(sequence);
    if (sequence.size() == size && said.finish == Finish::none) {
      said = append_sampled(sequence, logits.row(right));
      if (said.finish == Finish::none) said = append_forced(sequence);
    }
    for (int64_t i = size; i < sequence.size() && on_track; ++i) {
      on_track = right < drafts && draft[right] == sequence.ids[i];
      if (on_track) ++right;
    }
  }
  // A draft token that ended the answer counts as well; its keys are there.
  sequence.computed = std::min(sequence.computed + right, sequence.size());
  answer.timing.drafted_tokens += drafts;
  answer.timing.accepted_tokens += right;
  counts.drafted_tokens += drafts;
  counts.accepted_tokens += right;
  counts.generated_tokens += answer.count() - count_before;
  if (drafts > 0) {
    sequence.draft_length.observe(static_cast<int>(drafts), static_cast<int>(right));
    overall.observe(static_cast<int>(drafts), static_cast<int>(right));
  }
  if (said.finish == Finish::none) said = fit(sequence);
  if (said.finish != Finish::none) return ended(sequence, said.finish, said.error);
  scheduler.publish(sequence);
  answer.flush();
}

// The context may be full now: the answer ends, or the oldest ids go and what follows them is computed again.
Engine::Impl::Said Engine::Impl::fit(Sequence& sequence) {
  if (sequence.size() <= context) return {};
  const std::vector<int32_t> before = sequence.ids;
  const auto room = make_room(sequence.ids);
  if (!room.ok()) return {Finish::length, room.message()};
  const auto most = std::min(before.size(), sequence.ids.size());
  const auto same = std::mismatch(before.begin(), before.begin() + most, sequence.ids.begin()).first - before.begin();
  scheduler.truncate(sequence, std::min<int64_t>(same, sequence.size() - 1));
  return {};
}

Engine::Impl::Said Engine::Impl::append(Sequence& sequence, int32_t id) {
  Said said{sequence.answer.add(id), ""};
  if (said.finish != Finish::end) sequence.ids.push_back(id);
  return said;
}

// Text that the grammar leaves no choice about needs no model.
Engine::Impl::Said Engine::Impl::append_forced(Sequence& sequence) {
  AnswerState& answer = sequence.answer;
  if (!answer.grammar || !answer.grammar->is_active() || sequence.request().top_logprobs >= 0) return {};
  GrammarMatcher& matcher = answer.grammar->matcher();
  const std::string text = matcher.forced(kForcedBytes);
  if (text.size() < 2) return {};
  for (const int32_t id : grammars().certain_ids(text, sequence.request().shown_specials)) {
    if (sequence.size() >= context || !matcher.advance(id)) return {};
    ++answer.timing.forced_tokens;
    ++counts.forced_tokens;
    if (const Said said = append(sequence, id); said.finish != Finish::none) return said;
  }
  return {};
}

Engine::Impl::Said Engine::Impl::append_sampled(Sequence& sequence, const Logits& row) {
  const auto id = choose(sequence, row);
  if (!id.ok()) return {Finish::failed, id.message()};
  const Said said = append(sequence, *id);
  const int top = sequence.request().top_logprobs;
  if (top >= 0 && said.finish != Finish::end) sequence.answer.add(logprobs_of(row.values, *id, top));
  return said;
}

// The next id, one that the grammar can take.
Result<int32_t> Engine::Impl::choose(Sequence& sequence, const Logits& row) {
  AnswerState& answer = sequence.answer;
  if (!answer.grammar) return answer.sample(row, {});
  GrammarState& grammar = *answer.grammar;
  mask.clear();                                  // anything goes
  const auto forbid = [&](int32_t id) {
    if (mask.empty()) mask.assign((card.vocabulary + 31) / 32, ~0u);
    mask[id / 32] &= ~(1u << (id % 32));
  };
  if (grammar.is_active()) {
    mask.assign((card.vocabulary + 31) / 32, ~0u);
    TRY(const bool goes_on, grammar.matcher().fill_mask(mask));
    if (!goes_on) return end_ids.empty() ? 0 : end_ids.front();
  } else if (grammar.must_come()) {
    for (const int32_t id : end_ids) forbid(id);
  }
  for (;;) {
    const int32_t id = answer.sample(row, mask);
    const bool is_special = tokenizer->is_special(id);
    if (grammar.advance(id, is_special ? std::string(tokenizer->piece(id)) : grammars().bytes_of(id))) return id;
    if (grammar.is_active()) return error("engine: the grammar refuses token {}, which its mask allows", id);
    forbid(id);                                  // text behind the marker that cannot begin what the grammar says
  }
}

}  // namespace hearth
