// What /metrics says is Prometheus' text format, and its numbers add up.
#include "server/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "server/traces.h"

namespace hearth {
namespace {

struct Parsed {
  std::map<std::string, std::string> types;
  std::map<std::string, double> samples;         // by name and labels
};

// By the format's rules: HELP and TYPE once, before a family's samples, which stay together.
Parsed parse(const std::string& text) {
  static const std::regex kSample(R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_]\w*="([^"\\\n]|\\.)*"(,|(?=\})))*\})? (\S+))");
  Parsed parsed;
  std::set<std::string> helped;
  std::string family, line;
  std::istringstream lines(text);
  EXPECT_TRUE(text.empty() || text.back() == '\n');
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string hash, kind, name, type;
    if (line.starts_with("# ")) {
      words >> hash >> kind >> name >> type;
      if (kind == "HELP") {
        EXPECT_TRUE(helped.insert(name).second) << line;
      }
      if (kind == "TYPE") {
        EXPECT_TRUE(parsed.types.emplace(name, type).second) << line;
        family = name;
      }
      continue;
    }
    std::smatch match;
    if (!std::regex_match(line, match, kSample)) {
      ADD_FAILURE() << "no sample: " << line;
      continue;
    }
    const std::string sample = match[1];
    EXPECT_TRUE(sample.starts_with(family)) << line << " among " << family;
    if (parsed.types[family] != "histogram") {
      EXPECT_EQ(sample, family);
    }
    EXPECT_TRUE(parsed.samples.emplace(sample + match[2].str(), std::stod(match[6])).second) << line;
  }
  for (const auto& [name, type] : parsed.types) EXPECT_TRUE(helped.contains(name)) << name;
  return parsed;
}

ModelStatus loaded(const std::string& id) {
  ModelStatus status{.entry = {.id = id}, .state = ModelState::ready};
  status.stats.running = 3;
  status.stats.pages_total = 8;
  status.stats.pages_used = 2;
  return status;
}

TEST(Metrics, are_prometheus_text) {
  Metrics metrics;
  metrics.observe({.model = "m", .finish = Finish::length, .timing = {.prompt_tokens = 7, .new_tokens = 3, .decode_ms = 30},
                   .first_token_s = 0.05, .total_s = 0.2});
  metrics.observe({.model = "m", .finish = Finish::cancelled, .total_s = 1000});
  metrics.observe_token_gap(0.01);
  metrics.count_tokens(7, 3);
  metrics.count_status(200);
  metrics.count_status(404);
  metrics.count_status(0);
  const Parsed parsed = parse(metrics.text({loaded("a \"quoted\"\\ \nname"), loaded("b"), {.entry = {.id = "away"}}}, {.requests = 5}));
  const auto at = [&](const std::string& name) { return parsed.samples.contains(name) ? parsed.samples.at(name) : -1; };
  EXPECT_EQ(at("vllm:num_requests_running{model_name=\"b\"}"), 3);
  EXPECT_EQ(at("vllm:kv_cache_usage_perc{model_name=\"a \\\"quoted\\\"\\\\ \\nname\"}"), 0.25);
  EXPECT_EQ(at("vllm:num_requests_running{model_name=\"away\"}"), -1);
  EXPECT_EQ(at("vllm:request_success_total{finished_reason=\"length\"}"), 1);
  EXPECT_EQ(at("vllm:request_success_total{finished_reason=\"cancelled\"}"), 1);
  EXPECT_EQ(at("vllm:generation_tokens_total"), 3);
  EXPECT_EQ(at("llamacpp:prompt_tokens_total"), 7);
  EXPECT_EQ(at("vllm:time_to_first_token_seconds_count"), 1);
  EXPECT_EQ(at("vllm:time_to_first_token_seconds_bucket{le=\"0.04\"}"), 0);
  EXPECT_EQ(at("vllm:time_to_first_token_seconds_bucket{le=\"0.06\"}"), 1);
  EXPECT_EQ(at("vllm:e2e_request_latency_seconds_bucket{le=\"480\"}"), 1);
  EXPECT_EQ(at("vllm:e2e_request_latency_seconds_bucket{le=\"+Inf\"}"), 2);
  EXPECT_EQ(at("vllm:e2e_request_latency_seconds_sum"), 1000.2);
  EXPECT_EQ(at("hearth:http_replies_total{status=\"4xx\"}"), 1);
  EXPECT_EQ(at("hearth:http_requests_total"), 5);
  EXPECT_EQ(parsed.types.at("vllm:time_to_first_token_seconds"), "histogram");
}

TEST(Metrics, histograms_are_cumulative) {
  Histogram histogram({1, 2, 5});
  for (const double value : {0.5, 1.0, 1.5, 4.0, 9.0, 9.0}) histogram.observe(value);
  std::string text;
  histogram.print(text, "h", "help");
  const Parsed parsed = parse(text);
  EXPECT_EQ(parsed.samples.at("h_bucket{le=\"1\"}"), 2);
  EXPECT_EQ(parsed.samples.at("h_bucket{le=\"2\"}"), 3);
  EXPECT_EQ(parsed.samples.at("h_bucket{le=\"5\"}"), 4);
  EXPECT_EQ(parsed.samples.at("h_bucket{le=\"+Inf\"}"), 6);
  EXPECT_EQ(parsed.samples.at("h_count"), 6);
  EXPECT_EQ(parsed.samples.at("h_sum"), 25);
}

TEST(Traces, keep_the_last_and_tell_the_newest_first) {
  Traces traces(3);
  for (int i = 0; i < 5; ++i)
    traces.add({.id = std::to_string(i), .finish = Finish::stop, .timing = {.queue_ms = 1, .prefill_ms = 2, .decode_ms = 3}});
  const OrderedJson told = traces.last(10)["requests"];
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0]["id"], "4");
  EXPECT_EQ(told[2]["id"], "2");
  EXPECT_EQ(told[0]["spans"][2]["start_ms"], 3);
  EXPECT_EQ(told[0]["spans"][2]["end_ms"], 6);
  EXPECT_EQ(traces.last(1)["requests"].size(), 1u);
}

}  // namespace
}  // namespace hearth
