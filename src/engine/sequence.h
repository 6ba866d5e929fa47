// Sequence: the state of one choice of a request: its ids, the pages that hold them, and its answer so far.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/answer.h"
#include "engine/draft.h"

namespace hearth {

enum class Stage { waiting, running, ended };

struct Sequence {
  Sequence(std::shared_ptr<const Ask> asked, int choice, uint64_t number, const Tokenizer* tokenizer)
      : ask(std::move(asked)), number(number), ids(ask->request.prompt), answer(ask, choice, tokenizer) {}

  std::shared_ptr<const Ask> ask;
  uint64_t number;                       // in the order of arrival; unique
  int32_t adapter = -1;

  std::vector<int32_t> ids;              // what the context holds or must come to hold: the prompt and the answer so far
  std::vector<int32_t> draft;            // guesses that follow `ids` in the next step
  int64_t computed = 0;                  // so many ids have keys and values in `pages`
  std::vector<int32_t> pages;
  int64_t published = 0;                 // whole pages that were offered to the prefix cache

  Stage stage = Stage::waiting;
  bool is_answering = false;             // its prompt is computed: it gets rows in every step
  uint64_t served = 0;                   // the step in which it had rows last
  bool was_looked_up = false;            // in the prefix cache
  int64_t logprobs_done = 0;             // prompt rows whose log-probabilities were taken
  DraftLength draft_length{0};
  std::vector<std::shared_ptr<Sequence>> followers;      // other choices, which start where this one's prompt ends

  AnswerState answer;

  int64_t size() const { return static_cast<int64_t>(ids.size()); }
  int64_t left() const { return size() - computed; }     // ids that are not computed
  const Request& request() const { return ask->request; }
  // Must every row of the prompt be computed here, or may its pages come from the cache?
  bool needs_all_rows() const { return wants_prompt_logprobs() || request().pooling != Pooling::none; }
  bool wants_prompt_logprobs() const {
    return request().prompt_logprobs && logprobs_done + 1 < static_cast<int64_t>(request().prompt.size());
  }
  // The first position whose row gives logits.
  int64_t wanted_from() const {
    if (request().pooling != Pooling::none) return size();
    return wants_prompt_logprobs() ? logprobs_done : size() - 1;
  }
};

}  // namespace hearth
