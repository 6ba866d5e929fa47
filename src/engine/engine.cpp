// Engine: opens an artifact on a device; answers are one loop of room -> step -> sample -> emit.
#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/check.h"
#include "engine/sequence.h"
#include "engine/stops.h"

namespace hearth {
namespace {

constexpr int64_t kDefaultContext = 4096;
constexpr size_t kPrimingIds = 8;                // ids of the prompt that tell a decoder it is not at a text's beginning

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Result<SizeRecord> size_named(const Interface& interface, const std::string& name) {
  for (const SizeRecord& size : interface.sizes) {
    if (size.name == name) return size;
  }
  return error("engine: the artifact has no size '{}', want the step function of a language model", name);
}

Result<Done> check_buffers(const Interface& interface) {
  for (const char* name : {"ids", "positions", "seq", "page_table", "logit_rows", "logits"}) {
    const bool found = std::any_of(interface.buffers.begin(), interface.buffers.end(), [&](const BufferRecord& buffer) {
      return buffer.name == name && (buffer.role == BufferRole::input || buffer.role == BufferRole::output);
    });
    if (!found) return error("engine: the artifact has no buffer '{}', want the step function of a language model", name);
  }
  return Done{};
}

Result<StepLimits> limits_of(const Interface& interface, const EngineOptions& options) {
  TRY_DONE(check_buffers(interface));
  TRY(const SizeRecord tokens, size_named(interface, "tokens"));
  TRY(const SizeRecord rows, size_named(interface, "rows"));
  TRY(const SizeRecord table, size_named(interface, "table"));
  const ModelCard& card = interface.model;
  if (card.page_tokens < 1 || card.vocabulary < 1 || tokens.at_most < 1 || rows.at_most < 1 || table.at_most < 1) {
    return error("engine: the artifact allows {} tokens, {} rows, {} pages of {} and a vocabulary of {}, want at least 1 of each",
                 tokens.at_most, rows.at_most, table.at_most, card.page_tokens, card.vocabulary);
  }
  if (options.chunk < 1) return error("engine: chunk is {}, want at least 1", options.chunk);
  if (options.context < 0) return error("engine: context is {}, want at least 1 (0: the model's own)", options.context);
  const int64_t most = std::min(table.at_most, int64_t{1} << 40) * card.page_tokens;
  if (options.context > most) {
    return error("engine: context {} asked, this model holds at most {} positions; ask for less with -c", options.context, most);
  }
  StepLimits limits;
  limits.tokens = std::min(options.chunk, tokens.at_most);
  limits.rows = std::min(limits.tokens, rows.at_most);
  limits.page_tokens = card.page_tokens;
  limits.vocabulary = card.vocabulary;
  limits.context = std::min(most, std::min(card.context > 0 ? card.context : kDefaultContext, kDefaultContext));
  if (options.context > 0) limits.context = options.context;
  return limits;
}

Result<std::string> text_tensor(const Artifact& artifact, const std::string& name) {
  if (!artifact.has_tensor(name)) return std::string();
  TRY(const Bytes bytes, artifact.tensor(name));
  return std::string(as_text(bytes));
}

// log(sum of exp) minus the target's logit, in double and in order.
double surprise(std::span<const float> logits, int32_t target) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  return most + std::log(sum) - static_cast<double>(logits[target]);
}

}  // namespace

struct Engine::Impl {
  ModelCard card;
  OnFull on_full = OnFull::fail;
  std::optional<Tokenizer> tokenizer;
  std::optional<Template> chat_template;
  Sequence sequence;

  Result<Done> check_ids(std::span<const int32_t> ids) const;
  Result<Done> make_room(std::vector<int32_t>& ids);
  Result<Finish> compute(std::span<const int32_t> ids, const std::atomic<bool>* cancel);
  Result<Done> each_row(std::span<const int32_t> ids, const std::function<void(int64_t, std::span<const float>)>& on_rows);
};

Result<Done> Engine::Impl::check_ids(std::span<const int32_t> ids) const {
  if (ids.empty()) return error("engine: the prompt is empty, want at least one token");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= card.vocabulary) {
      return error("engine: id {} at position {}, want 0 .. {} (the vocabulary)", ids[i], i, card.vocabulary - 1);
    }
  }
  return Done{};
}

// Makes `ids` fit the context: an error, or the oldest half goes (the beginning, at most a page, stays: models lean on it).
Result<Done> Engine::Impl::make_room(std::vector<int32_t>& ids) {
  const StepLimits& limits = sequence.limits();
  const int64_t context = limits.context;
  if (static_cast<int64_t>(ids.size()) > context && on_full == OnFull::fail) {
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

// Brings the pages to hold `ids`, by chunks; the last row's logits are then ready. Cancelled between steps only.
Result<Finish> Engine::Impl::compute(std::span<const int32_t> ids, const std::atomic<bool>* cancel) {
  sequence.keep(std::min(sequence.common_prefix(ids), static_cast<int64_t>(ids.size()) - 1));
  while (sequence.size() < static_cast<int64_t>(ids.size())) {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) return Finish::cancelled;
    const auto rest = ids.subspan(sequence.size());
    const auto chunk = rest.first(std::min<size_t>(rest.size(), sequence.limits().tokens));
    TRY_DONE(sequence.step(chunk, chunk.size() == rest.size() ? Wanted::last : Wanted::nothing));
  }
  return Finish::none;
}

Result<Done> Engine::Impl::each_row(std::span<const int32_t> ids,
                                    const std::function<void(int64_t, std::span<const float>)>& on_rows) {
  TRY_DONE(check_ids(ids));
  const StepLimits& limits = sequence.limits();
  if (static_cast<int64_t>(ids.size()) > limits.context) {
    return error("engine: {} ids, the context holds {}; ask for more with -c", ids.size(), limits.context);
  }
  sequence.keep(0);
  for (size_t first = 0; first < ids.size(); first += limits.rows) {
    const size_t count = std::min<size_t>(limits.rows, ids.size() - first);
    TRY_DONE(sequence.step(ids.subspan(first, count), Wanted::every));
    on_rows(static_cast<int64_t>(first), sequence.logits());
  }
  return Done{};
}

namespace {

// One answer being made: what turns sampled ids into events.
class Answer {
 public:
  Answer(const Request& request, const ModelCard& card, const std::optional<Tokenizer>& tokenizer,
         const std::function<void(const Event&)>& on_event)
      : request_(request), card_(card), on_event_(on_event), stops_(request.stop) {
    if (!tokenizer) return;
    stream_.emplace(*tokenizer);
    if (!request.continues_text) return;
    const size_t primed = std::min(kPrimingIds, request.prompt.size());
    for (size_t i = request.prompt.size() - primed; i < request.prompt.size(); ++i) stream_->add(request.prompt[i]);
  }

  // Takes a sampled id; says why the answer ends with it, or none.
  Finish add(int32_t id) {
    const bool is_end = std::find(card_.end_ids.begin(), card_.end_ids.end(), id) != card_.end_ids.end();
    if (is_end && !request_.ignore_end) return Finish::end;
    Event event{.ids = {id}};
    if (stream_) event.text = stops_.add(stream_->add(id));
    ++count_;
    if (on_event_) on_event_(event);
    if (stops_.matched()) return Finish::stop;
    return request_.max_new >= 0 && count_ >= request_.max_new ? Finish::length : Finish::none;
  }

  void finish(Finish why) {
    Event event{.finish = why};
    if (stream_) event.text = stops_.add(stream_->finish());
    if (stops_.matched()) event.finish = Finish::stop;
    event.text += stops_.finish();
    if (on_event_) on_event_(event);
  }

  int64_t count() const { return count_; }

 private:
  const Request& request_;
  const ModelCard& card_;
  const std::function<void(const Event&)>& on_event_;
  Stops stops_;
  std::optional<TextStream> stream_;
  int64_t count_ = 0;
};

}  // namespace

Result<Engine> Engine::open(const Artifact& artifact, std::shared_ptr<Device> device, const EngineOptions& options) {
  const Interface& interface = artifact.interface();
  TRY(const StepLimits limits, limits_of(interface, options));
  TRY(const std::string tokenizer_json, text_tensor(artifact, "tokenizer.json"));
  TRY(const std::string template_text, text_tensor(artifact, "chat_template"));
  std::optional<Tokenizer> tokenizer;
  if (!tokenizer_json.empty()) {
    TRY(tokenizer, Tokenizer::from_json(tokenizer_json));
  }
  std::optional<Template> chat_template;
  if (!template_text.empty()) {
    TRY(chat_template, Template::parse(template_text, GenerationTag::prints_body));
  }
  const int64_t pages = (limits.context + limits.page_tokens - 1) / limits.page_tokens;
  TRY(Executable executable, Executable::load(std::move(device), artifact, {{"pages", pages}}));
  Engine engine;
  engine.impl_ = std::make_shared<Impl>(Impl{interface.model, options.on_full, std::move(tokenizer),
                                             std::move(chat_template), Sequence(std::move(executable), limits)});
  return engine;
}

bool Engine::has_tokenizer() const { return impl_->tokenizer.has_value(); }
const Tokenizer& Engine::tokenizer() const {
  CHECK(impl_->tokenizer.has_value(), "a model without a tokenizer was asked for it");
  return *impl_->tokenizer;
}
const Template* Engine::chat_template() const { return impl_->chat_template ? &*impl_->chat_template : nullptr; }
const ModelCard& Engine::card() const { return impl_->card; }
int64_t Engine::context() const { return impl_->sequence.limits().context; }
Executable& Engine::executable() { return impl_->sequence.executable(); }
void Engine::reset() { impl_->sequence.keep(0); }

Result<Timing> Engine::generate(const Request& request, const std::function<void(const Event&)>& on_event,
                                const std::atomic<bool>* cancel) {
  TRY_DONE(impl_->check_ids(request.prompt));
  Sequence& sequence = impl_->sequence;
  Answer answer(request, impl_->card, impl_->tokenizer, on_event);
  Sampler sampler(request.sampler);
  std::vector<int32_t> history = request.prompt;      // everything said, for penalties
  std::vector<int32_t> ids = request.prompt;          // what the context holds or must come to hold
  TRY_DONE(impl_->make_room(ids));
  Timing timing{.prompt_tokens = static_cast<int64_t>(request.prompt.size())};
  timing.reused_tokens = std::min(sequence.common_prefix(ids), static_cast<int64_t>(ids.size()) - 1);

  auto start = Clock::now();
  TRY(Finish why, impl_->compute(ids, cancel));
  timing.prefill_ms = ms_since(start);
  if (why == Finish::none && request.max_new == 0) why = Finish::length;
  start = Clock::now();
  while (why == Finish::none) {
    const int32_t id = sampler.sample(sequence.logits(), history, static_cast<uint64_t>(answer.count()));
    why = answer.add(id);
    if (why != Finish::none) break;
    ids.push_back(id);
    history.push_back(id);
    auto room = impl_->make_room(ids);
    if (!room.ok()) {
      answer.finish(Finish::length);
      return room.failure();
    }
    TRY(why, impl_->compute(ids, cancel));
  }
  answer.finish(why);
  timing.new_tokens = answer.count();
  timing.decode_ms = ms_since(start);
  return timing;
}

Result<Done> Engine::logits(std::span<const int32_t> ids,
                            const std::function<void(int64_t first_row, std::span<const float> rows)>& on_rows) {
  return impl_->each_row(ids, on_rows);
}

Result<double> Engine::negative_log_likelihood(std::span<const int32_t> ids) {
  double sum = 0;
  const int64_t vocabulary = impl_->card.vocabulary;
  TRY_DONE(impl_->each_row(ids, [&](int64_t first, std::span<const float> rows) {
    for (int64_t row = 0; row * vocabulary < static_cast<int64_t>(rows.size()); ++row) {
      const size_t next = first + row + 1;
      if (next < ids.size()) sum += surprise(rows.subspan(row * vocabulary, vocabulary), ids[next]);
    }
  }));
  return sum;
}

}  // namespace hearth
