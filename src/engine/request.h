// Request and Event: what is asked of an engine, and what it says while it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/grammar.h"
#include "engine/sampler.h"

namespace hearth {

// Of the final hidden states of the prompt: their mean, the last, the first. `none`: the request generates.
enum class Pooling { none, mean, last, cls };

struct Request {
  std::vector<int32_t> prompt;           // ids, at least one
  SamplerOptions sampler;
  int64_t max_new = -1;                  // -1: until the model ends or the context is full
  std::vector<std::string> stop;         // strings that end the answer (not part of it)
  std::vector<int32_t> shown_specials;   // special tokens that are part of the text (markers of tool calls, of reasoning)
  bool ignore_end = false;               // go on after end-of-text (benchmarks)
  bool continues_text = false;           // the answer goes on where the prompt's text ends (keeps its first space)

  int choices = 1;                       // answers to this prompt; choice i draws with seed + i and shares the prompt's pages
  std::shared_ptr<const BoundGrammar> grammar;     // what the answer must be, or null
  std::string grammar_after;             // the grammar begins after this text ("</think>"), "": at once
  // It begins only if and where this text begins, which is its first ("<tool_call>"); until then anything goes. "": it must come.
  std::string grammar_from;
  // With `grammar_from`: an answer that begins with the first of these is not looked at before the second ("<think>", "</think>").
  std::pair<std::string, std::string> grammar_skips;
  int top_logprobs = -1;                 // -1: none; n: of the chosen token and of the n most likely
  bool prompt_logprobs = false;          // of the prompt's tokens as well (echo)
  Pooling pooling = Pooling::none;       // an embedding of the prompt; nothing is generated
  std::string adapter;                   // LoRA adapter by name, "": the model itself

  std::string client;                    // who asks: waiting requests are taken in turns by client
  bool keeps_cache = true;               // leave the pages in the prefix cache
};

// Why an answer ended. `failed`: Event::error says why.
enum class Finish { none, end, stop, length, cancelled, failed };

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;                     // natural logarithm, of the model's own distribution (before sampling options)
};
struct LogprobEntry {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;         // descending
};

struct Timing {
  int64_t prompt_tokens = 0, reused_tokens = 0, new_tokens = 0;
  int64_t drafted_tokens = 0, accepted_tokens = 0;       // by speculation
  int64_t forced_tokens = 0;                             // written by the grammar without asking the model
  int64_t preempted = 0;                                 // times its pages were taken
  double queue_ms = 0, prefill_ms = 0, decode_ms = 0;
};

struct Event {
  int choice = 0;
  std::vector<int32_t> ids;              // new ids since the last event
  std::string text;                      // newly certain text, never half a character, never part of a stop string
  std::vector<LogprobEntry> logprobs;    // of `ids`, where asked for
  std::vector<LogprobEntry> prompt_logprobs;     // before the first ids, where asked for; entry 0 is of prompt[1]
  std::vector<float> embedding;          // of a pooling request, on its last event: not normalized, [hidden]
  Finish finish = Finish::none;          // the last event of a choice says why
  std::string error;                     // of Finish::failed: one line
  std::string stopped_by;                // of Finish::stop: which stop string
  Timing timing;                         // of the last event of a choice
};

// Called from the thread that steps the engine; must not block, must not call the engine.
using OnEvent = std::function<void(const Event&)>;

}  // namespace hearth
