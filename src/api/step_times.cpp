// Step times: the engine's executable runs steps over its own pages, between two resets of the engine.
#include "api/step_times.h"

#include <chrono>

#include "engine/step.h"

namespace hearth {
namespace {

struct Asked {
  int64_t rows = 1, sequences = 1, context = 0, repetitions = 5;
};

Result<Asked> read_asked(const char* request_json, const StepLimits& limits, int64_t pages) {
  TRY(const Options options,
      Options::parse(request_json, "step_times", {"rows", "sequences", "context", "repetitions"}));
  Asked asked;
  const auto up_to = [](int64_t least, int64_t most) {
    return Range{static_cast<double>(least), static_cast<double>(most)};
  };
  TRY(asked.rows, options.integer("rows", 1, up_to(1, std::min(limits.tokens, limits.rows))));
  TRY(asked.sequences, options.integer("sequences", 1, up_to(1, std::min(asked.rows, limits.sequences))));
  TRY(asked.context, options.integer("context", 0, up_to(0, limits.table * limits.page_tokens)));
  TRY(asked.repetitions, options.integer("repetitions", 5, {1, 100000}));
  if (asked.rows % asked.sequences != 0)
    return error("step_times: got {} rows of {} sequences, want as many of each", asked.rows, asked.sequences);
  const int64_t end = asked.context + asked.rows / asked.sequences;
  const int64_t each = (end + limits.page_tokens - 1) / limits.page_tokens;
  if (each > limits.table || each * asked.sequences > pages)
    return error(
        "step_times: {} sequences of {} positions need {} pages, the model was opened with {}; want a larger context",
        asked.sequences, end, each * asked.sequences, pages);
  return asked;
}

// Rows from a few ids; page after page to each sequence.
std::vector<StepPart> parts_of(const Asked& asked, const StepLimits& limits, std::vector<int32_t>& ids,
                               std::vector<int32_t>& pages) {
  const int64_t rows = asked.rows / asked.sequences;
  const int64_t each = (asked.context + rows + limits.page_tokens - 1) / limits.page_tokens;
  for (int64_t i = 0; i < asked.rows; ++i) ids.push_back(static_cast<int32_t>(i * 7919 % limits.vocabulary));
  for (int64_t i = 0; i < each * asked.sequences; ++i) pages.push_back(static_cast<int32_t>(i));
  std::vector<StepPart> parts;
  for (int64_t s = 0; s < asked.sequences; ++s) {
    StepPart part;
    part.ids = std::span<const int32_t>(ids).subspan(s * rows, rows);
    part.first = asked.context;
    part.pages = std::span<const int32_t>(pages).subspan(s * each, each);
    part.wanted = rows;
    parts.push_back(part);
  }
  return parts;
}

}  // namespace

Result<Json> step_times(OpenModel& model, const char* request_json) {
  using Clock = std::chrono::steady_clock;
  Executable& executable = model.engine.executable();
  TRY(const StepLimits limits, step_limits(executable.interface()));
  TRY(const Asked asked, read_asked(request_json, limits, model.engine.stats().pages_total));
  model.engine.reset();
  std::vector<int32_t> ids, pages;
  const std::vector<StepPart> parts = parts_of(asked, limits, ids, pages);
  Step step(executable, limits);
  TRY_DONE(step.run(parts));  // warms up
  std::vector<double> ms;
  for (int64_t i = 0; i < asked.repetitions; ++i) {
    const auto start = Clock::now();
    TRY_DONE(step.run(parts));
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  model.engine.reset();
  const Json device = executable.device().describe();
  return Json{{"rows", asked.rows},
              {"sequences", asked.sequences},
              {"context", asked.context},
              {"ms", ms},
              {"threads", device.value("threads", 1)},
              {"threads_decode", device.value("threads_decode", 1)}};
}

}  // namespace hearth
