// Engine::Impl: what an engine is made of; engine.cpp opens it and takes requests, engine_step.cpp computes.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "engine/engine.h"
#include "engine/grammar_shelf.h"
#include "engine/scheduler.h"
#include "engine/step.h"

namespace hearth {

struct Accepted {
  std::shared_ptr<const Ask> ask;
  std::vector<std::shared_ptr<Sequence>> choices;        // those that have not ended
  bool was_begun = false;                                // counts as waiting no more
};

struct Engine::Impl {
  Impl(ModelCard its_card, const EngineOptions& its_options, int64_t its_context, int32_t page_count, const ScheduleLimits& limits);
  ~Impl();

  ModelCard card;
  EngineOptions options;
  int64_t context;
  ScheduleLimits limits;
  std::optional<Tokenizer> tokenizer;
  std::optional<Template> chat_template;
  std::vector<int32_t> end_ids;          // those of the vocabulary
  Step step;
  Pages pages;
  PrefixCache cache;
  Scheduler scheduler;
  std::shared_ptr<Drafter> drafter;
  StepTimes times;
  StepTimes plain_times;                 // of steps without drafts or prompts, by sequences
  DraftLength overall{1};                // acceptance of all: where a sequence begins
  std::optional<DraftGate> gate;         // where there is a drafter
  double row_ms = 0;                     // a row of a large step, decaying mean

  std::atomic<uint64_t> next_id{1}, next_number{1};
  std::atomic<int64_t> waiting{0};       // accepted and not yet begun
  std::map<RequestId, Ticket> works;     // requests that have not ended
  EngineStats counts;

  std::mutex shelf_mutex;
  std::unique_ptr<GrammarShelf> shelf;   // made when the first grammar comes
  std::vector<uint32_t> mask;            // scratch
  mutable std::mutex adapters_mutex;
  std::vector<std::string> adapters;     // by slot

  // engine.cpp
  Result<Done> check(const Request& request) const;
  Result<Done> check_ids(std::span<const int32_t> ids) const;
  Result<Done> make_room(std::vector<int32_t>& ids) const;
  GrammarShelf& grammars();
  void ended(Sequence& sequence, Finish why, const std::string& error = "");
  Result<Done> each_row(std::span<const int32_t> ids, const std::function<void(int64_t, std::span<const float>)>& on_rows);

  // engine_step.cpp
  bool run_step();
  double propose_drafts();               // gives its time in ms
  std::vector<double> draft_costs(int64_t sequences, int64_t drafted) const;
  bool choose_lengths(std::span<const std::shared_ptr<Sequence>> drafted, std::vector<DraftJob>& jobs);
  Result<Done> compute(const Schedule& plan);
  void fail(const Schedule& plan, const std::string& error);
  void take(const Slice& slice, const Logits& logits, std::span<const float> hidden);
  void take_prompt_logprobs(Sequence& sequence, int64_t end, std::span<const float> logits);
  void pool(const Slice& slice, std::span<const float> hidden);
  void answer(Sequence& sequence, const Logits& logits);
  struct Said {
    Finish finish = Finish::none;
    std::string error;
  };
  Said append(Sequence& sequence, int32_t id);
  Said append_forced(Sequence& sequence);
  Said append_sampled(Sequence& sequence, const Logits& row);
  Said fit(Sequence& sequence);
  Result<int32_t> choose(Sequence& sequence, const Logits& row);
};

}  // namespace hearth
