// Engine: an executable, a tokenizer and a template become answers, for many requests at once.
//
// step() reads schedule -> draft -> run -> sample -> emit: one call of the step function for all sequences at work, prompts in chunks
// beside answers. Same prompt, seed and options give the same tokens whoever the neighbours are. One thread uses an engine;
// EngineLoop (engine_loop.h) gives it a thread of its own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "base/result.h"
#include "engine/adapter.h"
#include "engine/draft.h"
#include "engine/prefix_cache.h"
#include "engine/request.h"
#include "runtime/executable.h"
#include "text/template.h"
#include "text/tokenizer.h"

namespace hearth {

enum class OnFull { fail, slide };       // context full: end with `length` or a clear error, or drop the oldest half after the first page
enum class Speculation { off, lookup, model };

inline constexpr int64_t kDefaultContext = 4096;         // positions, where the options say nothing and the model has more

struct EngineOptions {
  int64_t context = 0;                   // positions a sequence may hold; 0: the model's own, at most 4096
  int64_t chunk = 512;                   // rows a step (<= the artifact's bound on tokens)
  int64_t pages = 0;                     // KV pages for all sequences; 0: enough for one full context
  int64_t sequences = 256;               // at work at once
  int64_t waiting = 256;                 // requests that may wait; more are refused
  OnFull on_full = OnFull::fail;
  bool prefix_cache = true;
  Speculation speculation = Speculation::off;
  int draft_most = 8;                    // tokens a draft
  int64_t adapters = 0, adapter_rank = 0;        // LoRA adapters held at once and their largest rank (artifact baked with adapters)
};

using RequestId = uint64_t;
struct Accepted;                         // engine_impl.h: a request that passed its checks
using Ticket = std::shared_ptr<Accepted>;
RequestId id_of(const Ticket& ticket);

struct EngineStats {
  int64_t running = 0, waiting = 0;      // sequences
  int64_t pages_total = 0, pages_used = 0;       // used: by sequences, not by the cache alone
  PrefixStats prefix;
  int64_t steps = 0, prompt_tokens = 0, generated_tokens = 0, preempted = 0, requests = 0;
  int64_t drafted_tokens = 0, accepted_tokens = 0, forced_tokens = 0;
  double step_ms = 0;                    // in steps, altogether
  uint64_t memory_bytes = 0;             // arena and KV pages
};

class Engine {
 public:
  // `drafter` may be null: Speculation::lookup needs none.
  static Result<Engine> open(const Artifact& artifact, std::shared_ptr<Device> device, const EngineOptions& options,
                             std::shared_ptr<Drafter> drafter = nullptr);

  bool has_tokenizer() const;                               // a model without one still computes on ids
  const Tokenizer& tokenizer() const;                       // CHECKs has_tokenizer()
  const Template* chat_template() const;                    // nullptr: the model has none
  const ModelCard& card() const;
  int64_t context() const;
  Executable& executable();

  // Checks the request and puts it into the queue. Errors: what is wrong with it; is_full() of the error: come again later.
  Result<RequestId> submit(Request request, OnEvent on_event);
  static bool is_full(const Error& error);
  // submit() in two halves: the checks, from any thread, and the queue, from the engine's. A ticket that is not enqueued must be
  // dropped, so that its place in the queue is free again.
  Result<Ticket> accept(Request request, OnEvent on_event);
  RequestId enqueue(Ticket ticket);
  void drop(const Ticket& ticket);       // as if it had not been accepted: no event
  void cancel(RequestId id);             // ends with Finish::cancelled at once; unknown ids are ignored
  void cancel_all();
  bool step();                           // one step; false: there was nothing to do
  bool idle() const;
  EngineStats stats() const;
  void forget_prefixes();                // empties the prefix cache

  // The grammar of a schema or other text over this model's vocabulary; kept by `key`, so asking again is cheap. From any thread.
  Result<std::shared_ptr<const BoundGrammar>> bind(const Grammar& grammar, const std::string& key);
  // The same; `compile` is called unless the grammar is kept. `shown`: special tokens that it may use as text, those of
  // Request::shown_specials (markers of tool calls).
  Result<std::shared_ptr<const BoundGrammar>> bind(const std::string& key, const std::vector<int32_t>& shown,
                                                   const std::function<Result<Grammar>()>& compile);

  // Puts an adapter into a free slot. Errors name the matrix that does not fit the model.
  Result<Done> load_adapter(const Adapter& adapter);
  std::vector<std::string> adapters() const;

  // Submits and steps until the answer is there: for one caller at a time.
  Result<Timing> generate(const Request& request, const OnEvent& on_event, const std::atomic<bool>* cancel = nullptr);
  // Logits of every position of `ids`, in order, handed over in pieces: rows x vocabulary floats. The engine must be idle.
  Result<Done> logits(std::span<const int32_t> ids,
                      const std::function<void(int64_t first_row, std::span<const float> rows)>& on_rows);
  // Sum of -log p(ids[i] | ids[0..i-1]) for i in [1, n), by chunks. The engine must be idle.
  Result<double> negative_log_likelihood(std::span<const int32_t> ids);
  void reset();                                             // forgets the kept pages

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth
