// Sequence: writes the inputs of docs/STEP.md for one sequence, runs, reads the logits.
#include "engine/sequence.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace hearth {
namespace {

template <class T>
Bytes bytes_of_values(const std::vector<T>& values) {
  return std::as_bytes(std::span<const T>(values));
}

}  // namespace

Sequence::Sequence(Executable executable, StepLimits limits) : executable_(std::move(executable)), limits_(limits) {
  ids_.reserve(limits_.context);
}

void Sequence::keep(int64_t count) {
  if (count < size()) ids_.resize(count);
}

int64_t Sequence::common_prefix(std::span<const int32_t> ids) const {
  const size_t most = std::min(ids.size(), ids_.size());
  return std::mismatch(ids.begin(), ids.begin() + most, ids_.begin()).first - ids.begin();
}

Result<Done> Sequence::write_inputs(std::span<const int32_t> ids, int64_t rows) {
  const int64_t count = static_cast<int64_t>(ids.size());
  const auto write = [&](const char* buffer) { return executable_.write(buffer, bytes_of_values(numbers_)); };
  const auto counted = [&](int64_t size, int64_t first) {
    numbers_.resize(size);
    std::iota(numbers_.begin(), numbers_.end(), static_cast<int32_t>(first));
  };
  numbers_.assign(ids.begin(), ids.end());
  TRY_DONE(write("ids"));
  counted(count, size());
  TRY_DONE(write("positions"));
  numbers_.assign(count, 0);
  TRY_DONE(write("seq"));
  counted((size() + count + limits_.page_tokens - 1) / limits_.page_tokens, 0);      // position p lies in page p / page_tokens
  TRY_DONE(write("page_table"));
  if (rows == 0) return Done{};
  counted(rows, count - rows);
  return write("logit_rows");
}

Result<Done> Sequence::step(std::span<const int32_t> ids, Wanted wanted) {
  const int64_t count = static_cast<int64_t>(ids.size());
  const int64_t rows = wanted == Wanted::nothing ? 0 : wanted == Wanted::last ? 1 : count;
  CHECK(count >= 1 && count <= limits_.tokens && rows <= limits_.rows, "step of {} tokens and {} rows", count, rows);
  CHECK(size() + count <= limits_.context, "step to position {} of {}", size() + count, limits_.context);
  const auto attempt = [&]() -> Result<Done> {
    TRY_DONE(write_inputs(ids, rows));
    const int64_t table = (size() + count + limits_.page_tokens - 1) / limits_.page_tokens;
    TRY_DONE(executable_.run({{"tokens", count}, {"rows", rows}, {"seqs", 1}, {"table", table}}));
    logits_.resize(rows * limits_.vocabulary);
    if (rows == 0) return Done{};
    return executable_.read("logits", std::as_writable_bytes(std::span<float>(logits_)));
  };
  auto result = attempt();
  if (!result.ok()) {
    ids_.clear();
    return result;
  }
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  return result;
}

}  // namespace hearth
