// bench: tokens a second of prompts (pp) and generation (tg), in llama-bench's columns.
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <thread>

#include "bench_rows.h"
#include "cli.h"
#include "profile.h"
#include "terminal.h"

namespace cli {
namespace {

struct BenchFlags {
  ModelFlags model;
  std::vector<int64_t> prompts{512}, generations{128};
  std::vector<int> threads;
  int repetitions = 5;
  std::string output = "md", svg;
  bool profile = false;
  RowsAsked rows;
};

// What bench has found so far.
struct Found {
  std::vector<Json> rows;
  std::vector<Profile> profiles;                 // one a row, if asked for
  std::vector<std::vector<Json>> widths;         // steps of several rows, by threads
};

struct Test {
  int64_t prompt = 0, generated = 0;             // one of them is 0
  int threads = 0, threads_decode = 0;           // the latter as used at the end
  std::vector<double> samples_ms;

  int64_t tokens() const { return prompt + generated; }
  std::string name() const { return prompt > 0 ? fmt::format("pp{}", prompt) : fmt::format("tg{}", generated); }
};

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  for (double value : values) spread.mean += value / static_cast<double>(values.size());
  if (values.size() < 2) return spread;
  double squares = 0;
  for (double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return spread;
}

std::vector<double> rates_of(const Test& test) {
  std::vector<double> rates;
  for (double ms : test.samples_ms) rates.push_back(1000 * static_cast<double>(test.tokens()) / ms);
  return rates;
}

// Ids that are the same in every run and look like nothing.
std::vector<int32_t> some_ids(int64_t count, int64_t vocabulary) {
  std::vector<int32_t> ids;
  uint64_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    ids.push_back(static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocabulary)));
  }
  return ids;
}

// One timed run from an empty state. Generating n tokens takes n steps: the first is the step of a one-token prompt.
std::optional<double> run_once(const hearth::api::Model& model, const Test& test, int64_t vocabulary) {
  const Json request = {{"ids", some_ids(std::max<int64_t>(1, test.prompt), vocabulary)},
                        {"max_tokens", test.generated}, {"ignore_end", true}, {"temperature", 0}};
  model.reset();
  auto answer = model.generate(dump(request));
  if (!answer) {
    fail(answer.error);
    return std::nullopt;
  }
  const Json timing = parse_answer(*answer);
  return timing.value("prefill_ms", 0.0) + timing.value("decode_ms", 0.0);
}

// What the machine gives now to so many threads. On failure the line is printed already.
std::optional<Json> probe(int threads) {
  auto machine = hearth::api::doctor(dump(Json{{"probe", true}, {"threads", threads}}));
  if (machine) return parse_answer(*machine).value("probe", Json::object());
  fail(machine.error);
  return std::nullopt;
}

// One more run, counted kernel by kernel between two probes.
std::optional<Profile> profile_once(const hearth::api::Model& model, const Test& test, int64_t vocabulary) {
  const auto before = probe(test.threads);
  if (!before) return std::nullopt;
  auto started = model.profile(true);
  const auto ms = run_once(model, test, vocabulary);
  auto counted = model.profile(false);
  if (!ms) return std::nullopt;
  if (!started || !counted) {
    fail(started ? counted.error : started.error);
    return std::nullopt;
  }
  const auto after = probe(test.threads);
  if (!after) return std::nullopt;
  Profile profile = read_profile(parse_answer(*counted), *before, *after);
  profile.total_ms = *ms;
  profile.test = test.name();
  return profile;
}

// llama-bench's keys, where they mean something here.
Json row_of(const Test& test, const Json& model) {
  const Spread rate = spread_of(rates_of(test)), time = spread_of(test.samples_ms);
  const Json details = model.value("details", Json::object());
  return {{"build_number", hearth_version()}, {"model_filename", model.value("artifact", "")},
          {"model_type", fmt::format("{} {}", model.value("name", ""), model.value("quant", ""))},
          {"model_size", model.value("weight_bytes", int64_t{0})}, {"model_n_params", details.value("parameters", int64_t{0})},
          {"backends", "CPU"}, {"target", model.value("target", "")}, {"n_threads", test.threads},
          {"n_threads_decode", test.threads_decode}, {"n_prompt", test.prompt}, {"n_gen", test.generated}, {"test", test.name()},
          {"avg_ns", std::llround(time.mean * 1e6)}, {"stddev_ns", std::llround(time.deviation * 1e6)},
          {"avg_ts", rate.mean}, {"stddev_ts", rate.deviation}, {"samples_ts", rates_of(test)}};
}

// "4", or "4 (2)" where two of them decoded.
std::string threads_text(const Json& row) {
  const int threads = row.value("n_threads", 0), decode = row.value("n_threads_decode", 0);
  return row.value("n_gen", 0) > 0 && decode != threads ? fmt::format("{} ({})", threads, decode) : fmt::format("{}", threads);
}

void print_markdown(const std::vector<Json>& rows) {
  fmt::print("| {:<30} | {:>10} | {:>10} | {:<10} | {:>7} | {:>15} | {:>20} |\n", "model", "size", "params", "backend", "threads",
             "test", "t/s");
  fmt::print("| {:-<30} | {:->9}: | {:->9}: | {:-<10} | {:->6}: | {:->14}: | {:->19}: |\n", "", "", "", "", "", "", "");
  for (const Json& row : rows) {
    fmt::print("| {:<30} | {:>10} | {:>10} | {:<10} | {:>7} | {:>15} | {:>20} |\n", row.value("model_type", ""),
               bytes_text(row.value("model_size", 0.0)), count_text(row.value("model_n_params", 0.0)), row.value("backends", ""),
               threads_text(row), row.value("test", ""),
               fmt::format("{:.2f} ± {:.2f}", row.value("avg_ts", 0.0), row.value("stddev_ts", 0.0)));
  }
}

void print_csv(const std::vector<Json>& rows) {
  std::string header;
  for (const auto& item : rows.front().items()) {
    if (!item.value().is_array()) header += (header.empty() ? "" : ",") + item.key();
  }
  fmt::print("{}\n", header);
  for (const Json& row : rows) {
    std::string line;
    for (const auto& item : row.items()) {
      if (item.value().is_array()) continue;
      std::string cell = item.value().is_string() ? item.value().get<std::string>() : dump(item.value());
      for (size_t at = 0; (at = cell.find('"', at)) != std::string::npos; at += 2) cell.insert(at, 1, '"');
      line += (line.empty() ? "\"" : ",\"") + cell + "\"";
    }
    fmt::print("{}\n", line);
  }
}

void print_rows(const std::vector<Json>& rows, const std::string& output) {
  if (rows.empty()) return;
  if (output == "md") print_markdown(rows);
  if (output == "csv") print_csv(rows);
  if (output == "json") fmt::print("{}\n", dump(Json(rows), 2));
  if (output == "jsonl") {
    for (const Json& row : rows) fmt::print("{}\n", dump(row));
  }
}

std::vector<Test> tests_of(const BenchFlags& flags) {
  std::vector<Test> tests;
  for (int64_t prompt : flags.prompts) {
    if (prompt > 0) tests.push_back({.prompt = prompt});
  }
  for (int64_t generated : flags.generations) {
    if (generated > 0) tests.push_back({.generated = generated});
  }
  return tests;
}

bool add_widths(const BenchFlags& flags, const hearth::api::Model& model, Found& found) {
  RowsAsked asked = flags.rows;
  asked.repetitions = flags.repetitions;
  auto widths = time_rows(model, asked);
  if (!widths) return false;
  found.widths.push_back(std::move(*widths));
  return true;
}

// All tests with one number of threads, added to `found` as they end. False: the line is printed already.
bool run_tests(const BenchFlags& flags, int threads, const Surroundings& surroundings, Found& found) {
  std::vector<Test> tests = tests_of(flags);
  Json options = flags.model.options(surroundings);
  options["threads"] = threads;
  options["load_first"] = true;                  // steady speed is what is asked for
  int64_t most = 16;
  for (const Test& test : tests) most = std::max(most, test.tokens() + 1);
  most = std::max(most, positions_of(flags.rows));
  if (!options.contains("context")) options["context"] = most;
  options["pages"] = pages_of(flags.rows, options["context"].get<int64_t>());
  const auto model = open_model(options);
  if (!model) return false;
  auto description = model->describe();
  if (!description) return fail(description.error) == kDone;
  const Json described = parse_answer(*description);
  const int64_t vocabulary = std::max<int64_t>(1, described.value("vocabulary", int64_t{1}));
  ProgressBar bar;
  for (Test& test : tests) {
    test.threads = described.value("device", Json::object()).value("threads", threads);
    if (!run_once(*model, test, vocabulary)) return false;       // warms up
    for (int i = 0; i < flags.repetitions; ++i) {
      bar.show(test.name(), i, flags.repetitions);
      const auto ms = run_once(*model, test, vocabulary);
      if (!ms) return false;
      test.samples_ms.push_back(std::max(1e-6, *ms));
    }
    if (auto now = model->describe()) {
      test.threads_decode = parse_answer(*now).value("device", Json::object()).value("threads_decode", test.threads);
    }
    found.rows.push_back(row_of(test, described));
    if (!flags.profile) continue;
    auto profile = profile_once(*model, test, vocabulary);
    if (!profile) return false;
    profile->model = found.rows.back().value("model_type", "");
    found.rows.back()["profile"] = json_of(*profile);
    found.profiles.push_back(std::move(*profile));
  }
  return flags.rows.rows.empty() || add_widths(flags, *model, found);
}

int bench(const BenchFlags& flags, const Surroundings& surroundings) {
  if (flags.model.name(surroundings).empty()) return fail("bench: no MODEL given, want a folder, a .gguf, a baked file or a name");
  Found found;
  for (int threads : flags.threads.empty() ? std::vector<int>{0} : flags.threads) {
    if (!run_tests(flags, threads, surroundings, found)) return kFailed;
  }
  if (flags.output == "csv")
    for (Json& row : found.rows) row.erase("profile");
  if (flags.output != "md" && flags.output != "csv")
    for (std::vector<Json>& widths : found.widths) std::move(widths.begin(), widths.end(), std::back_inserter(found.rows));
  print_rows(found.rows, flags.output);
  if (flags.output == "md") {
    for (const Profile& profile : found.profiles) print_profile(profile);
    for (const std::vector<Json>& widths : found.widths) print_row_times(widths);
  }
  if (flags.output == "csv")
    for (const std::vector<Json>& widths : found.widths) print_csv(widths);
  if (!flags.svg.empty() && !write_file(flags.svg, roofline_svg(found.profiles))) return kFailed;
  return kDone;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("bench", "Tokens a second, as llama-bench counts them");
  auto flags = std::make_shared<BenchFlags>();
  flags->model.add_to(*command, ModelFlags::Use::open);
  command->remove_option(command->get_option("--threads"));
  command->add_option("-t,--threads", flags->threads, "threads, as 1,2,4 (default: one a core)")
      ->delimiter(',')->allow_extra_args(false)->check(CLI::Range(1, 1024));
  command->add_option("-p,--n-prompt", flags->prompts, "prompt tokens, as 128,512 (default: 512; 0: none)")
      ->delimiter(',')->allow_extra_args(false)->check(CLI::Range(0, 1 << 24));
  command->add_option("-n,--n-gen", flags->generations, "tokens to generate, as 32,128 (default: 128; 0: none)")
      ->delimiter(',')->allow_extra_args(false)->check(CLI::Range(0, 1 << 24));
  command->add_option("-r,--repetitions", flags->repetitions, "runs of each test (default: 5)")->check(CLI::Range(1, 100000));
  command->add_option("-o,--output", flags->output, "md, json, jsonl or csv")->check(CLI::IsMember({"md", "json", "jsonl", "csv"}));
  command->add_option("-b,--rows", flags->rows.rows, "also time steps of so many rows, as 1,2,4,8,16: of one sequence, and of as many")
      ->delimiter(',')->allow_extra_args(false)->check(CLI::Range(1, 256));
  command->add_option("-d,--depth", flags->rows.context, "with -b: positions that each sequence has already (default: 0)")
      ->check(CLI::Range(0, 1 << 20));
  command->add_flag("--profile", flags->profile, "what each kernel takes, moves and computes, beside what the machine gives now");
  command->add_option("--svg", flags->svg, "with --profile: a roofline picture to write")->needs("--profile");
  command->callback([=, &context] { context.exit = bench(*flags, context.surroundings); });
}

}  // namespace cli
