// Engine: opens an artifact on a device, checks requests and keeps them until they end.
#include "engine/engine.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "engine/engine_impl.h"
#include "engine/logprobs.h"

namespace hearth {
namespace {

constexpr int64_t kMostTop = 128;                // log-probabilities of so many tokens
constexpr int64_t kRowsOfLogits = 64;            // a step of logits(): more rows would only touch more memory
constexpr const char* kFull = "engine: busy: ";

Result<Done> check_options(const StepLimits& step, const EngineOptions& options) {
  if (options.chunk < 1) return error("engine: chunk is {}, want at least 1", options.chunk);
  if (options.sequences < 1) return error("engine: {} sequences at work, want at least 1", options.sequences);
  if (options.waiting < 1) return error("engine: {} requests may wait, want at least 1", options.waiting);
  if (options.pages < 0) return error("engine: {} pages, want at least 1 (0: enough for one context)", options.pages);
  if (options.context < 0) return error("engine: context is {}, want at least 1 (0: the model's own)", options.context);
  if (options.adapters > step.adapters || options.adapter_rank > step.rank) {
    return error("engine: {} adapters of rank {} asked, the artifact has room for {} of rank {}; bake it with adapters",
                 options.adapters, options.adapter_rank, step.adapters, step.rank);
  }
  const int64_t most = std::min(step.table, int64_t{1} << 40) * step.page_tokens;
  if (options.context > most) {
    return error("engine: context {} asked, this model holds at most {} positions; ask for less with -c", options.context, most);
  }
  return Done{};
}

int64_t context_of(const StepLimits& step, const ModelCard& card, const EngineOptions& options) {
  if (options.context > 0) return options.context;
  const int64_t most = std::min(step.table, int64_t{1} << 40) * step.page_tokens;
  return std::min(most, std::min(card.context > 0 ? card.context : kDefaultContext, kDefaultContext));
}

ScheduleLimits limits_of(const StepLimits& step, const EngineOptions& options) {
  ScheduleLimits limits;
  limits.tokens = std::min(options.chunk, step.tokens);
  limits.rows = std::min(limits.tokens, step.rows);
  limits.sequences = std::min(options.sequences, step.sequences);
  limits.page_tokens = step.page_tokens;
  limits.embeds = step.embeds;
  return limits;
}

Result<std::string> text_tensor(const Artifact& artifact, const std::string& name) {
  if (!artifact.has_tensor(name)) return std::string();
  TRY(const Bytes bytes, artifact.tensor(name));
  return std::string(as_text(bytes));
}

}  // namespace

Engine::Impl::Impl(ModelCard its_card, const EngineOptions& its_options, int64_t its_context, int32_t page_count,
                   const ScheduleLimits& its_limits)
    : card(std::move(its_card)), options(its_options), context(its_context), limits(its_limits), pages(page_count),
      cache(pages, limits.page_tokens, options.prefix_cache ? page_count : 0), scheduler(limits, pages, cache) {
  for (const int64_t id : card.end_ids) {
    if (id >= 0 && id < card.vocabulary) end_ids.push_back(static_cast<int32_t>(id));
  }
}

Engine::Impl::~Impl() {
  for (const auto& sequence : scheduler.all()) sequence->answer.finish(Finish::cancelled);
}

Result<Engine> Engine::open(const Artifact& artifact, std::shared_ptr<Device> device, const EngineOptions& options,
                            std::shared_ptr<Drafter> drafter) {
  const Interface& interface = artifact.interface();
  TRY(const StepLimits step, step_limits(interface));
  TRY_DONE(check_options(step, options));
  TRY(const std::string tokenizer_json, text_tensor(artifact, "tokenizer.json"));
  TRY(const std::string template_text, text_tensor(artifact, "chat_template"));
  const int64_t context = context_of(step, interface.model, options);
  const int64_t pages = options.pages > 0 ? options.pages : (context + step.page_tokens - 1) / step.page_tokens;
  if (pages > std::numeric_limits<int32_t>::max()) return error("engine: {} pages, want at most 2^31", pages);
  auto impl = std::make_shared<Impl>(interface.model, options, context, static_cast<int32_t>(pages), limits_of(step, options));
  if (!tokenizer_json.empty()) {
    TRY(impl->tokenizer, Tokenizer::from_json(tokenizer_json));
  }
  if (!template_text.empty()) {
    TRY(impl->chat_template, Template::parse(template_text, GenerationTag::prints_body));
  }
  TRY(Executable executable, Executable::load(std::move(device), artifact,
                                                fixed_sizes(step, pages, options.adapters, options.adapter_rank)));
  impl->step = Step(std::move(executable), step);
  impl->drafter = std::move(drafter);
  if (!impl->drafter && options.speculation == Speculation::lookup) impl->drafter = prompt_lookup();
  if (!impl->drafter && options.speculation == Speculation::model) {
    return error("engine: speculation with a draft model wants the model, got none");
  }
  if (impl->drafter) impl->gate.emplace(options.speculation == Speculation::model);
  Engine engine;
  engine.impl_ = std::move(impl);
  return engine;
}

Result<Done> Engine::Impl::check_ids(std::span<const int32_t> ids) const {
  if (ids.empty()) return error("engine: the prompt is empty, want at least one token");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= card.vocabulary) {
      return error("engine: id {} at position {}, want 0 .. {} (the vocabulary)", ids[i], i, card.vocabulary - 1);
    }
  }
  return Done{};
}

Result<Done> Engine::Impl::check(const Request& request) const {
  TRY_DONE(check_ids(request.prompt));
  if (request.choices < 1 || request.choices > limits.sequences) {
    return error("engine: {} choices, want 1 to {}", request.choices, limits.sequences);
  }
  const int64_t most_top = std::min(kMostTop, card.vocabulary);
  if (request.top_logprobs > most_top) return error("engine: top_logprobs is {}, want at most {}", request.top_logprobs, most_top);
  if (request.prompt_logprobs && static_cast<int64_t>(request.prompt.size()) > context) {
    return error("engine: log-probabilities of a prompt of {} tokens, {} fit the context", request.prompt.size(), context);
  }
  if (request.grammar && !tokenizer) return error("engine: a grammar needs a tokenizer, the model '{}' has none", card.name);
  if (request.pooling != Pooling::none) {
    if (limits.embeds == 0) {
      return error("engine: the model '{}' was baked without hidden states, it gives no embeddings; bake it again", card.name);
    }
    if (request.choices > 1 || static_cast<int64_t>(request.prompt.size()) > context) {
      return error("engine: an embedding of {} tokens in {} choices, want one choice of at most {} tokens", request.prompt.size(),
                   request.choices, context);
    }
  }
  if (!request.adapter.empty()) {
    const std::lock_guard lock(adapters_mutex);
    if (std::find(adapters.begin(), adapters.end(), request.adapter) == adapters.end()) {
      return error("engine: adapter '{}' is not loaded, there are: {}", request.adapter, fmt::join(adapters, ", "));
    }
  }
  std::vector<int32_t> ids = request.prompt;
  return make_room(ids);
}

// Makes `ids` fit the context: an error, or the oldest half goes (the beginning, at most a page, stays: models lean on it).
Result<Done> Engine::Impl::make_room(std::vector<int32_t>& ids) const {
  if (static_cast<int64_t>(ids.size()) > context && options.on_full == OnFull::fail) {
    return error("engine: context is full: {} tokens, {} fit; ask for more with -c or drop the oldest with --context-shift",
                 ids.size(), context);
  }
  while (static_cast<int64_t>(ids.size()) > context) {
    const int64_t head = std::min(limits.page_tokens, context / 4);
    const int64_t dropped = (static_cast<int64_t>(ids.size()) - head + 1) / 2;
    ids.erase(ids.begin() + head, ids.begin() + head + dropped);
  }
  return Done{};
}

GrammarShelf& Engine::Impl::grammars() {
  const std::lock_guard lock(shelf_mutex);
  if (!shelf) shelf = std::make_unique<GrammarShelf>(*tokenizer, card.vocabulary, end_ids);
  return *shelf;
}

RequestId id_of(const Ticket& ticket) { return ticket->ask->id; }

Result<Ticket> Engine::accept(Request request, OnEvent on_event) {
  Impl& self = *impl_;
  TRY_DONE(self.check(request));
  if (self.waiting.fetch_add(1) >= self.options.waiting) {
    self.waiting.fetch_sub(1);
    return error("{}{} requests wait already; try again later", kFull, self.options.waiting);
  }
  auto ask = std::make_shared<Ask>();
  ask->id = self.next_id.fetch_add(1);
  ask->request = std::move(request);
  ask->on_event = std::move(on_event);
  ask->arrived = Clock::now();
  ask->end_ids = self.end_ids;
  auto ticket = std::make_shared<Accepted>();
  ticket->ask = ask;
  const Tokenizer* tokenizer = self.tokenizer ? &*self.tokenizer : nullptr;
  for (int choice = 0; choice < ask->request.choices; ++choice) {
    auto sequence = std::make_shared<Sequence>(ask, choice, self.next_number.fetch_add(1), tokenizer);
    sequence->draft_length = DraftLength(self.options.draft_most);
    CHECK(self.make_room(sequence->ids).ok(), "a checked prompt does not fit");
    ticket->choices.push_back(std::move(sequence));
  }
  if (!ask->request.adapter.empty()) {
    const std::lock_guard lock(self.adapters_mutex);
    const auto at = std::find(self.adapters.begin(), self.adapters.end(), ask->request.adapter);
    for (auto& choice : ticket->choices) choice->adapter = static_cast<int32_t>(at - self.adapters.begin());
  }
  return ticket;
}

RequestId Engine::enqueue(Ticket ticket) {
  Impl& self = *impl_;
  const RequestId id = ticket->ask->id;
  const std::shared_ptr<Sequence> first = ticket->choices.front();
  first->followers.assign(ticket->choices.begin() + 1, ticket->choices.end());
  ++self.counts.requests;
  self.works[id] = std::move(ticket);
  self.scheduler.add(first);
  return id;
}

void Engine::drop(const Ticket&) { impl_->waiting.fetch_sub(1); }

Result<RequestId> Engine::submit(Request request, OnEvent on_event) {
  TRY(Ticket ticket, accept(std::move(request), std::move(on_event)));
  return enqueue(std::move(ticket));
}

bool Engine::is_full(const Error& error) { return error.text.starts_with(kFull); }

// The one place where a choice ends. Its followers, if they never began, end with it.
void Engine::Impl::ended(Sequence& sequence, Finish why, const std::string& error) {
  const auto work = works.find(sequence.ask->id);
  CHECK(work != works.end(), "a choice of request {} ended twice", sequence.ask->id);
  const Ticket ticket = work->second;              // keeps the sequence
  if (sequence.stage != Stage::ended) scheduler.remove(sequence);
  if (drafter) drafter->forget(sequence.number);
  const auto followers = std::exchange(sequence.followers, {});
  std::erase_if(ticket->choices, [&](const auto& choice) { return choice.get() == &sequence; });
  for (const auto& follower : followers) {
    follower->stage = Stage::ended;
    std::erase(ticket->choices, follower);
  }
  if (ticket->choices.empty()) works.erase(work);
  if (!std::exchange(ticket->was_begun, true)) waiting.fetch_sub(1);
  sequence.answer.finish(why, error);
  for (const auto& follower : followers) follower->answer.finish(why, error);
}

void Engine::cancel(RequestId id) {
  const auto work = impl_->works.find(id);
  if (work == impl_->works.end()) return;
  const Ticket ticket = work->second;
  while (!ticket->choices.empty()) {
    const std::shared_ptr<Sequence> choice = ticket->choices.front();
    impl_->ended(*choice, Finish::cancelled);
  }
}

void Engine::cancel_all() {
  while (!impl_->works.empty()) cancel(impl_->works.begin()->first);
}

bool Engine::step() { return impl_->run_step(); }
bool Engine::idle() const { return impl_->works.empty(); }
void Engine::forget_prefixes() { impl_->cache.clear(); }
void Engine::reset() { impl_->cache.clear(); }

EngineStats Engine::stats() const {
  EngineStats stats = impl_->counts;
  stats.running = static_cast<int64_t>(impl_->scheduler.running().size());
  stats.waiting = impl_->scheduler.waiting();
  stats.pages_total = impl_->pages.count();
  stats.pages_used = impl_->pages.count() - impl_->pages.free() - impl_->pages.idle();
  stats.prefix = impl_->cache.stats();
  stats.memory_bytes = impl_->step.executable().memory_bytes();
  return stats;
}

Result<std::shared_ptr<const BoundGrammar>> Engine::bind(const Grammar& grammar, const std::string& key) {
  return bind(key, {}, [&] { return Result<Grammar>(grammar); });
}

Result<std::shared_ptr<const BoundGrammar>> Engine::bind(const std::string& key, const std::vector<int32_t>& shown,
                                                         const std::function<Result<Grammar>()>& compile) {
  if (!impl_->tokenizer) return error("engine: a grammar needs a tokenizer, the model '{}' has none", impl_->card.name);
  return impl_->grammars().bind(key, shown, compile);
}

Result<Done> Engine::load_adapter(const Adapter& adapter) {
  Impl& self = *impl_;
  const std::vector<std::string> loaded = adapters();
  if (adapter.name.empty() || std::find(loaded.begin(), loaded.end(), adapter.name) != loaded.end()) {
    return error("engine: adapter '{}': want a name that no other has", adapter.name);
  }
  if (static_cast<int64_t>(loaded.size()) >= self.options.adapters) {
    return error("engine: adapter '{}': the model '{}' is open with room for {}, they are taken", adapter.name, self.card.name,
                 self.options.adapters);
  }
  const auto slot = static_cast<int64_t>(loaded.size());
  TRY_DONE(write_adapter(self.step.executable(), adapter, slot, std::max<int64_t>(1, self.options.adapter_rank)));
  const std::lock_guard lock(self.adapters_mutex);
  self.adapters.push_back(adapter.name);
  return Done{};
}

std::vector<std::string> Engine::adapters() const {
  const std::lock_guard lock(impl_->adapters_mutex);
  return impl_->adapters;
}

bool Engine::has_tokenizer() const { return impl_->tokenizer.has_value(); }
const Tokenizer& Engine::tokenizer() const {
  CHECK(impl_->tokenizer.has_value(), "a model without a tokenizer was asked for it");
  return *impl_->tokenizer;
}
const Template* Engine::chat_template() const { return impl_->chat_template ? &*impl_->chat_template : nullptr; }
const ModelCard& Engine::card() const { return impl_->card; }
int64_t Engine::context() const { return impl_->context; }
Executable& Engine::executable() { return impl_->step.executable(); }

Result<Timing> Engine::generate(const Request& request, const OnEvent& on_event, const std::atomic<bool>* cancelled) {
  Timing timing;
  std::string failure;
  int left = request.choices;
  const auto watch = [&](const Event& event) {
    if (on_event) on_event(event);
    if (event.finish == Finish::none) return;
    --left;
    timing = event.timing;
    if (!event.error.empty()) failure = event.error;
  };
  TRY(const RequestId id, submit(request, watch));
  while (left > 0) {
    if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
      cancel(id);
    } else {
      step();
    }
  }
  if (!failure.empty()) return Error{failure};
  return timing;
}

// Rows of one fresh sequence in pages of its own, beside the engine's requests (there are none).
Result<Done> Engine::Impl::each_row(std::span<const int32_t> ids,
                                    const std::function<void(int64_t, std::span<const float>)>& on_rows) {
  TRY_DONE(check_ids(ids));
  if (!works.empty()) return error("engine: logits are for an idle engine, {} requests are at work", works.size());
  if (static_cast<int64_t>(ids.size()) > context) {
    return error("engine: {} ids, the context holds {}; ask for more with -c", ids.size(), context);
  }
  const int64_t needed = (static_cast<int64_t>(ids.size()) + limits.page_tokens - 1) / limits.page_tokens;
  if (needed > pages.count()) return error("engine: {} ids need {} pages, there are {}", ids.size(), needed, pages.count());
  cache.evict(std::max<int64_t>(0, needed - pages.free()));
  std::vector<int32_t> held;
  for (int64_t i = 0; i < needed; ++i) held.push_back(*pages.take());
  const auto attempt = [&]() -> Result<Done> {
    const size_t most = std::min(kRowsOfLogits, limits.rows);
    for (size_t first = 0; first < ids.size(); first += most) {
      const size_t count = std::min(most, ids.size() - first);
      const StepPart part{.ids = ids.subspan(first, count), .first = static_cast<int64_t>(first), .pages = held,
                          .wanted = static_cast<int64_t>(count)};
      TRY_DONE(step.run({&part, 1}));
      on_rows(static_cast<int64_t>(first), step.logits().values);
    }
    return Done{};
  };
  const auto result = attempt();
  for (const int32_t page : held) pages.release(page);
  return result;
}

Result<Done> Engine::logits(std::span<const int32_t> ids,
                            const std::function<void(int64_t first_row, std::span<const float> rows)>& on_rows) {
  return impl_->each_row(ids, on_rows);
}

// Log of the sum of exp minus the target's logit, in double and in order.
Result<double> Engine::negative_log_likelihood(std::span<const int32_t> ids) {
  double sum = 0;
  const int64_t vocabulary = impl_->card.vocabulary;
  TRY_DONE(impl_->each_row(ids, [&](int64_t first, std::span<const float> rows) {
    for (int64_t row = 0; row * vocabulary < static_cast<int64_t>(rows.size()); ++row) {
      const size_t next = first + row + 1;
      if (next >= ids.size()) continue;
      const auto logits = rows.subspan(row * vocabulary, vocabulary);
      sum += log_sum_exp(logits) - static_cast<double>(logits[ids[next]]);
    }
  }));
  return sum;
}

}  // namespace hearth
