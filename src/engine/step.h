// Step: one call of the step function (docs/STEP.md) over parts of many sequences: writes its inputs, runs, reads its outputs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/logits.h"
#include "runtime/executable.h"

namespace hearth {

// What the step function's sizes allow, read from the interface.
struct StepLimits {
  int64_t tokens = 1;            // rows a step
  int64_t rows = 1;              // rows of logits a step
  int64_t sequences = 1;
  int64_t table = 1;             // pages a sequence may have
  int64_t page_tokens = 16;
  int64_t vocabulary = 0;
  int64_t peaks = 0;             // of a row's logits; 0: the artifact gives none
  int64_t embeds = 0;            // rows of hidden states a step; 0: the artifact gives none
  int64_t hidden = 0;
  int64_t adapters = 0, rank = 0;        // most LoRA adapters and their largest rank; 0: rows cannot name any
};
// An error if this is not the step function of a language model.
Result<StepLimits> step_limits(const Interface& interface);
// The sizes that are fixed when the artifact is loaded.
SizeValues fixed_sizes(const StepLimits& limits, int64_t pages, int64_t adapters = 1, int64_t rank = 1);

// Rows of one sequence: `ids` at the positions first .. first + ids.size().
struct StepPart {
  std::span<const int32_t> ids;
  int64_t first = 0;
  std::span<const int32_t> pages;        // of the sequence, from its beginning; at least as many as the rows need
  int64_t wanted = 0;                    // the last `wanted` rows give logits
  int64_t embeds_first = 0, embeds = 0;  // these rows of the part give hidden states
  int32_t adapter = -1;
};

class Step {
 public:
  Step() = default;
  Step(Executable executable, StepLimits limits) : executable_(std::move(executable)), limits_(limits) {}

  const StepLimits& limits() const { return limits_; }
  Executable& executable() { return executable_; }

  // At most limits().tokens rows in limits().sequences parts, at most limits().rows of them wanted.
  Result<Done> run(std::span<const StepPart> parts);
  // Of the last run, in the order of the parts: `wanted` rows of logits and [embeds, hidden]. Where the host sees the device's
  // memory they lie there: valid until the next run.
  const Logits& logits() const { return logits_; }
  std::span<const float> embeddings() const { return embeddings_; }

 private:
  Result<Done> write(const char* buffer, std::span<const int32_t> numbers);
  Result<Done> write_rows(std::span<const StepPart> parts);
  Result<Done> write_table(std::span<const StepPart> parts);
  Result<std::span<const float>> view(const char* buffer, int64_t count);

  Executable executable_;
  StepLimits limits_;
  int64_t rows_ = 0, embed_rows_ = 0, tokens_ = 0, table_ = 0;   // of this run
  std::vector<int32_t> numbers_;         // reused for each input
  Logits logits_;
  std::span<const float> embeddings_;
};

}  // namespace hearth
