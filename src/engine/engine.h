// Engine: an executable, a tokenizer and a template become answers; one sequence at a time here.
//
// step() reads schedule -> run -> sample -> emit. Prefill goes in chunks; the KV pages of the last request are kept, so a
// conversation that goes on computes only what is new (the longest common prefix of ids is reused).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "base/result.h"
#include "engine/sampler.h"
#include "runtime/executable.h"
#include "text/template.h"
#include "text/tokenizer.h"

namespace hearth {

enum class OnFull { fail, slide };       // context full: a clear error, or drop the oldest half after the first page

struct EngineOptions {
  int64_t context = 0;                   // positions to hold; 0: the model's own, at most 4096
  int64_t chunk = 256;                   // prompt tokens a step (<= the artifact's bound on tokens)
  OnFull on_full = OnFull::fail;
};

struct Request {
  std::vector<int32_t> prompt;           // ids, at least one
  SamplerOptions sampler;
  int64_t max_new = -1;                  // -1: until the model ends or the context is full
  std::vector<std::string> stop;         // strings that end the answer (not part of it)
  bool ignore_end = false;               // go on after end-of-text (benchmarks)
  bool continues_text = false;           // the answer goes on where the prompt's text ends (keeps its first space)
};

enum class Finish { none, end, stop, length, cancelled };

struct Event {
  std::vector<int32_t> ids;              // new ids since the last event
  std::string text;                      // newly certain text, never half a character, never part of a stop string
  Finish finish = Finish::none;          // the last event says why
};

struct Timing {
  int64_t prompt_tokens = 0, reused_tokens = 0, new_tokens = 0;
  double prefill_ms = 0, decode_ms = 0;
};

class Engine {
 public:
  static Result<Engine> open(const Artifact& artifact, std::shared_ptr<Device> device, const EngineOptions& options);

  bool has_tokenizer() const;                               // a model without one still computes on ids
  const Tokenizer& tokenizer() const;                       // CHECKs has_tokenizer()
  const Template* chat_template() const;                    // nullptr: the model has none
  const ModelCard& card() const;
  int64_t context() const;
  Executable& executable();

  // Generates until the model ends, a stop string, max_new, or `cancel` is set by anyone (checked each step).
  Result<Timing> generate(const Request& request, const std::function<void(const Event&)>& on_event,
                          const std::atomic<bool>* cancel = nullptr);

  // Logits of every position of `ids`, in order, handed over in pieces: rows x vocabulary floats. Fresh state.
  Result<Done> logits(std::span<const int32_t> ids,
                      const std::function<void(int64_t first_row, std::span<const float> rows)>& on_rows);
  // Sum of -log p(ids[i] | ids[0..i-1]) for i in [1, n), by chunks; fresh state.
  Result<double> negative_log_likelihood(std::span<const int32_t> ids);
  void reset();                                             // forgets the kept pages

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth
