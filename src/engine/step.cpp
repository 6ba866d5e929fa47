// Step: each input is gathered part by part into one list of numbers and written.
#include "engine/step.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace hearth {
namespace {

constexpr auto kPeakGroup = static_cast<int64_t>(kPeakColumns);

const SizeRecord* find_size(const Interface& interface, const std::string& name) {
  for (const SizeRecord& size : interface.sizes) {
    if (size.name == name) return &size;
  }
  return nullptr;
}

const BufferRecord* find_buffer(const Interface& interface, const std::string& name) {
  for (const BufferRecord& buffer : interface.buffers) {
    const bool outside = buffer.role == BufferRole::input || buffer.role == BufferRole::output;
    if (outside && buffer.name == name) return &buffer;
  }
  return nullptr;
}

// Outputs are read where they lie.
Result<Done> check_place(const BufferRecord& output) {
  if (output.dtype == DType::f32 && output.offset % static_cast<int64_t>(sizeof(float)) == 0) return Done{};
  return error("engine: the artifact's '{}' is {} at byte {}, want f32 at a multiple of 4", output.name, name_of(output.dtype),
               output.offset);
}

// "embeds * 384" or "384 * embeds" -> 384
int64_t factor_beside(const std::string& formula, const std::string& size) {
  int64_t factor = 0;
  for (size_t at = 0; at < formula.size(); ++at) {
    if (formula[at] < '0' || formula[at] > '9') continue;
    for (; at < formula.size() && formula[at] >= '0' && formula[at] <= '9'; ++at) factor = factor * 10 + formula[at] - '0';
    break;
  }
  return formula.find(size) == std::string::npos ? 0 : factor;
}

}  // namespace

Result<StepLimits> step_limits(const Interface& interface) {
  const std::string kind = "want the step function of a language model";
  for (const char* name : {"ids", "positions", "seq", "page_table", "logit_rows", "logits"}) {
    if (find_buffer(interface, name) == nullptr) return error("engine: the artifact has no buffer '{}', {}", name, kind);
  }
  for (const char* name : {"tokens", "rows", "seqs", "table", "pages"}) {
    if (find_size(interface, name) == nullptr) return error("engine: the artifact has no size '{}', {}", name, kind);
  }
  StepLimits limits;
  limits.tokens = find_size(interface, "tokens")->at_most;
  limits.rows = std::min(limits.tokens, find_size(interface, "rows")->at_most);
  limits.sequences = find_size(interface, "seqs")->at_most;
  limits.table = find_size(interface, "table")->at_most;
  limits.page_tokens = interface.model.page_tokens;
  limits.vocabulary = interface.model.vocabulary;
  if (std::min({limits.page_tokens, limits.vocabulary, limits.tokens, limits.rows, limits.sequences, limits.table}) < 1) {
    return error("engine: the artifact allows {} tokens, {} rows, {} sequences, {} pages of {} and a vocabulary of {}, want at "
                 "least 1 of each", limits.tokens, limits.rows, limits.sequences, limits.table, limits.page_tokens,
                 limits.vocabulary);
  }
  TRY_DONE(check_place(*find_buffer(interface, "logits")));
  if (const BufferRecord* peaks = find_buffer(interface, "peaks")) {
    TRY_DONE(check_place(*peaks));
    limits.peaks = (limits.vocabulary + kPeakGroup - 1) / kPeakGroup;
    if (factor_beside(peaks->elements, "rows") != limits.peaks)
      return error("engine: the artifact's 'peaks' has '{}' elements, want rows * {}", peaks->elements, limits.peaks);
  }
  const SizeRecord* embeds = find_size(interface, "embeds");
  const BufferRecord* hidden = find_buffer(interface, "hidden");
  if (embeds != nullptr && hidden != nullptr && find_buffer(interface, "embed_rows") != nullptr) {
    TRY_DONE(check_place(*hidden));
    limits.embeds = std::min(limits.tokens, embeds->at_most);
    limits.hidden = factor_beside(hidden->elements, "embeds");
    if (limits.hidden < 1) return error("engine: the artifact's 'hidden' has '{}' elements, want embeds * a number", hidden->elements);
  }
  const SizeRecord *adapters = find_size(interface, "adapters"), *rank = find_size(interface, "rank");
  if (adapters != nullptr && rank != nullptr && find_buffer(interface, "adapter") != nullptr) {
    limits.adapters = adapters->at_most;
    limits.rank = rank->at_most;
  }
  return limits;
}

SizeValues fixed_sizes(const StepLimits& limits, int64_t pages, int64_t adapters, int64_t rank) {
  SizeValues sizes = {{"pages", pages}};
  if (limits.adapters > 0) sizes.insert({{"adapters", std::max<int64_t>(1, adapters)}, {"rank", std::max<int64_t>(1, rank)}});
  return sizes;
}

Result<Done> Step::write(const char* buffer, std::span<const int32_t> numbers) {
  return executable_.write(buffer, std::as_bytes(numbers));
}

Result<Done> Step::write_rows(std::span<const StepPart> parts) {
  const auto gather = [&](const char* buffer, const auto& value_of) -> Result<Done> {
    numbers_.clear();
    for (size_t part = 0; part < parts.size(); ++part) {
      for (size_t i = 0; i < parts[part].ids.size(); ++i) numbers_.push_back(static_cast<int32_t>(value_of(part, i)));
    }
    return write(buffer, numbers_);
  };
  TRY_DONE(gather("ids", [&](size_t part, size_t i) { return parts[part].ids[i]; }));
  TRY_DONE(gather("positions", [&](size_t part, size_t i) { return parts[part].first + static_cast<int64_t>(i); }));
  TRY_DONE(gather("seq", [](size_t part, size_t) { return part; }));
  if (limits_.adapters > 0) {
    TRY_DONE(gather("adapter", [&](size_t part, size_t) { return parts[part].adapter; }));
  }
  const auto select = [&](const char* buffer, const auto& first_and_count) -> Result<Done> {
    numbers_.clear();
    int64_t row = 0;
    for (const StepPart& part : parts) {
      const auto [first, count] = first_and_count(part);
      for (int64_t i = 0; i < count; ++i) numbers_.push_back(static_cast<int32_t>(row + first + i));
      row += static_cast<int64_t>(part.ids.size());
    }
    return numbers_.empty() ? Result<Done>(Done{}) : write(buffer, numbers_);
  };
  TRY_DONE(select("logit_rows", [](const StepPart& part) {
    return std::pair(static_cast<int64_t>(part.ids.size()) - part.wanted, part.wanted);
  }));
  if (limits_.embeds == 0) return Done{};
  return select("embed_rows", [](const StepPart& part) { return std::pair(part.embeds_first, part.embeds); });
}

Result<Done> Step::write_table(std::span<const StepPart> parts) {
  numbers_.assign(parts.size() * table_, 0);
  for (size_t part = 0; part < parts.size(); ++part) {
    const int64_t end = parts[part].first + static_cast<int64_t>(parts[part].ids.size());
    const int64_t needed = (end + limits_.page_tokens - 1) / limits_.page_tokens;
    CHECK(needed <= static_cast<int64_t>(parts[part].pages.size()), "{} pages for {} positions", parts[part].pages.size(), end);
    std::copy_n(parts[part].pages.begin(), needed, numbers_.begin() + part * table_);
  }
  return write("page_table", numbers_);
}

Result<std::span<const float>> Step::view(const char* buffer, int64_t count) {
  if (count == 0) return std::span<const float>();
  TRY(const Bytes bytes, executable_.view(buffer, static_cast<uint64_t>(count) * sizeof(float)));
  return std::span(reinterpret_cast<const float*>(bytes.data()), static_cast<size_t>(count));
}

Result<Done> Step::run(std::span<const StepPart> parts) {
  tokens_ = rows_ = embed_rows_ = table_ = 0;
  for (const StepPart& part : parts) {
    const int64_t count = static_cast<int64_t>(part.ids.size());
    CHECK(count >= 1 && part.wanted <= count, "a part of {} rows, {} of them wanted", count, part.wanted);
    tokens_ += count;
    rows_ += part.wanted;
    embed_rows_ += part.embeds;
    table_ = std::max(table_, (part.first + count + limits_.page_tokens - 1) / limits_.page_tokens);
  }
  CHECK(tokens_ >= 1 && tokens_ <= limits_.tokens && rows_ <= limits_.rows && embed_rows_ <= limits_.embeds &&
            static_cast<int64_t>(parts.size()) <= limits_.sequences && table_ <= limits_.table,
        "a step of {} tokens, {} rows, {} sequences and {} pages each", tokens_, rows_, parts.size(), table_);
  TRY_DONE(write_rows(parts));
  TRY_DONE(write_table(parts));
  SizeValues sizes = {{"tokens", tokens_}, {"rows", rows_}, {"seqs", static_cast<int64_t>(parts.size())}, {"table", table_}};
  if (limits_.embeds > 0) sizes["embeds"] = embed_rows_;
  TRY_DONE(executable_.run(sizes));
  logits_.rows = static_cast<size_t>(rows_);
  TRY(logits_.values, view("logits", rows_ * limits_.vocabulary));
  TRY(logits_.peaks, view("peaks", rows_ * limits_.peaks));
  TRY(embeddings_, view("hidden", embed_rows_ * limits_.hidden));
  return Done{};
}

}  // namespace hearth
