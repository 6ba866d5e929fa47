// Metrics: counts and histograms of a server, as Prometheus reads them; names as vLLM and llama.cpp have them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/request.h"
#include "server/http.h"
#include "server/model_pool.h"

namespace hearth {

// Cumulative buckets; bounds are seconds or tokens.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);
  void print(std::string& out, const std::string& name, const std::string& help) const;

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<uint64_t>[]> counts_;      // one more than bounds_
  std::atomic<double> sum_{0};
};

// One request has ended.
struct RequestMeasure {
  std::string model;
  Finish finish = Finish::none;
  Timing timing;
  double first_token_s = -1;             // from arrival; -1: there was none
  double total_s = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  void observe(const RequestMeasure& measure);
  void observe_token_gap(double seconds);        // between two tokens of an answer
  void count_tokens(int64_t prompt, int64_t generated);          // as they come, for the rates
  void count_status(int status);                 // of HTTP replies
  // Tokens a second over the last ten seconds.
  double prompt_rate() const;
  double generated_rate() const;
  // Prometheus text format 0.0.4.
  std::string text(const std::vector<ModelStatus>& models, const HttpStats& http) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
