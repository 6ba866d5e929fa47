// bench -b: what steps of several rows cost beside one row: rows of one sequence (a draft verified), of as many
// sequences (a batch).
#include "bench_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "terminal.h"

namespace cli {
namespace {

// One kind of step, timed in rounds among the others.
struct Width {
  int64_t rows = 1;
  bool is_batch = false;  // a sequence a row
  std::vector<double> ms;

  double median() const {
    std::vector<double> sorted = ms;
    std::sort(sorted.begin(), sorted.end());
    return sorted.empty() ? 0 : sorted[sorted.size() / 2];
  }
  double least() const { return ms.empty() ? 0 : *std::min_element(ms.begin(), ms.end()); }
};

Json json_of(const Width& width, const RowsAsked& asked, const Json& device) {
  return {{"test", fmt::format("{}{}", width.is_batch ? "batch" : "verify", width.rows)},
          {"rows", width.rows},
          {"sequences", width.is_batch ? width.rows : 1},
          {"context", asked.context},
          {"n_threads", device.value("threads", 0)},
          {"n_threads_decode", device.value("threads_decode", 0)},
          {"median_ms", width.median()},
          {"least_ms", width.least()},
          {"samples_ms", width.ms}};
}

}  // namespace

int64_t positions_of(const RowsAsked& asked) {
  if (asked.rows.empty()) return 0;
  return asked.context + *std::max_element(asked.rows.begin(), asked.rows.end());
}

int64_t pages_of(const RowsAsked& asked, int64_t positions) {
  const auto pages = [](int64_t count) { return (count + 15) / 16; };
  int64_t most = pages(positions);
  for (const int64_t rows : asked.rows) most = std::max(most, rows * pages(asked.context + 1));
  return most;
}

std::optional<std::vector<Json>> time_rows(const hearth::api::Model& model, const RowsAsked& asked) {
  std::vector<Width> widths;
  for (const bool is_batch : {false, true})
    for (const int64_t rows : asked.rows)
      if (rows > 1 || !is_batch) widths.push_back({rows, is_batch, {}});
  Json device;
  ProgressBar bar;
  for (int round = 0; round < asked.repetitions; ++round) {
    for (Width& width : widths) {
      bar.show("rows", round, asked.repetitions);
      const Json request = {{"rows", width.rows},
                            {"sequences", width.is_batch ? width.rows : 1},
                            {"context", asked.context},
                            {"repetitions", 3}};
      auto times = model.step_times(dump(request));
      if (!times) {
        fail(times.error);
        return std::nullopt;
      }
      device = parse_answer(*times);
      for (const Json& ms : device["ms"]) width.ms.push_back(ms.get<double>());
    }
  }
  std::vector<Json> found;
  for (const Width& width : widths) found.push_back(json_of(width, asked, device));
  return found;
}

void print_row_times(const std::vector<Json>& found) {
  fmt::print("\n| {:>9} | {:>5} | {:>9} | {:>8} | {:>14} | {:>10} | {:>10} | {:>15} |\n", "step", "rows", "sequences",
             "context", "decode threads", "median ms", "least ms", "times one row");
  fmt::print("| {:->8}: | {:->4}: | {:->8}: | {:->7}: | {:->13}: | {:->9}: | {:->9}: | {:->14}: |\n", "", "", "", "",
             "", "", "", "");
  for (const Json& row : found) {
    const double one = found.front().value("median_ms", 0.0);
    fmt::print(
        "| {:>9} | {:>5} | {:>9} | {:>8} | {:>14} | {:>10.3f} | {:>10.3f} | {:>15} |\n", row.value("test", ""),
        row.value("rows", 0), row.value("sequences", 0), row.value("context", 0), row.value("n_threads_decode", 0),
        row.value("median_ms", 0.0), row.value("least_ms", 0.0),
        one > 0 && found.front().value("rows", 0) == 1 ? fmt::format("{:.2f}", row.value("median_ms", 0.0) / one) : "");
  }
}

}  // namespace cli
