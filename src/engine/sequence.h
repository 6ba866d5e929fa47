// Sequence: the ids whose keys and values lie in the pages of an executable, and the steps that add to them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "runtime/executable.h"

namespace hearth {

// What the step function's sizes allow, read from the interface and the engine's options.
struct StepLimits {
  int64_t tokens = 1;            // rows a step
  int64_t rows = 1;              // rows of logits a step
  int64_t page_tokens = 16;
  int64_t context = 0;           // positions held
  int64_t vocabulary = 0;
};

enum class Wanted { nothing, last, every };      // whose logits a step computes

class Sequence {
 public:
  Sequence(Executable executable, StepLimits limits);

  const StepLimits& limits() const { return limits_; }
  Executable& executable() { return executable_; }
  int64_t size() const { return static_cast<int64_t>(ids_.size()); }

  void keep(int64_t count);                      // forgets all ids from `count` on
  int64_t common_prefix(std::span<const int32_t> ids) const;

  // One step over `ids` (at most limits().tokens, or .rows if every logit is wanted) at the positions that follow.
  // A failure forgets everything.
  Result<Done> step(std::span<const int32_t> ids, Wanted wanted);
  std::span<const float> logits() const { return logits_; }      // of the last step: [wanted rows, vocabulary]

 private:
  Result<Done> write_inputs(std::span<const int32_t> ids, int64_t rows);

  Executable executable_;
  StepLimits limits_;
  std::vector<int32_t> ids_;
  std::vector<int32_t> numbers_;                 // reused for each input
  std::vector<float> logits_;
};

}  // namespace hearth
