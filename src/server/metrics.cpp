// Metrics: atomics that any thread adds to; printed as Prometheus' text format.
#include "server/metrics.h"

#include <algorithm>

#include <chrono>
#include <mutex>

#include "server/traces.h"

namespace hearth {
namespace {

const std::vector<double> kFirstTokenBounds = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5,
                                               0.75,  1,     2.5,  5,    7.5,  10,   20,   40,  80,   160};
const std::vector<double> kTokenGapBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5};
const std::vector<double> kRequestBounds = {0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480};
const std::vector<double> kTokenBounds = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
constexpr size_t kRateSeconds = 10;

void add(std::atomic<double>& sum, double value) {
  double seen = sum.load(std::memory_order_relaxed);
  while (!sum.compare_exchange_weak(seen, seen + value, std::memory_order_relaxed)) {
  }
}

std::string label_text(const std::string& value) {
  std::string text;
  for (char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

// One family of values: HELP and TYPE once, then a line a labelled value.
class Family {
 public:
  Family(std::string& out, const char* name, const char* type, const char* help) : out_(out), name_(name) {
    fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  Family& add(const std::string& labels, double value) {
    fmt::format_to(std::back_inserter(out_), "{}{} {}\n", name_, labels.empty() ? "" : "{" + labels + "}", value);
    return *this;
  }

 private:
  std::string& out_;
  std::string name_;
};

int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(std::make_unique<std::atomic<uint64_t>[]>(bounds_.size() + 1)) {}

void Histogram::observe(double value) {
  size_t bucket = 0;
  while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  add(sum_, value);
}

void Histogram::print(std::string& out, const std::string& name, const std::string& help) const {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "# HELP {} {}\n# TYPE {} histogram\n", name, help, name);
  uint64_t total = 0;
  for (size_t i = 0; i < bounds_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    fmt::format_to(to, "{}_bucket{{le=\"{}\"}} {}\n", name, bounds_[i], total);
  }
  total += counts_[bounds_.size()].load(std::memory_order_relaxed);
  fmt::format_to(to, "{}_bucket{{le=\"+Inf\"}} {}\n{}_sum {}\n{}_count {}\n", name, total, name, sum_.load(), name, total);
}

struct Metrics::Impl {
  Histogram first_token{kFirstTokenBounds}, token_gap{kTokenGapBounds}, token_mean{kTokenGapBounds}, whole{kRequestBounds},
      queue{kRequestBounds}, prefill{kRequestBounds}, decode{kRequestBounds}, prompt_tokens{kTokenBounds},
      generated_tokens{kTokenBounds};
  std::array<std::atomic<uint64_t>, 6> finished{};       // by Finish
  std::array<std::atomic<uint64_t>, 6> statuses{};       // by hundreds
  std::atomic<uint64_t> prompt_total{0}, generated_total{0};
  std::atomic<double> prompt_s{0}, generated_s{0};

  struct Second {
    int64_t at = 0, prompt = 0, generated = 0;
  };
  mutable std::mutex mutex;
  std::array<Second, kRateSeconds + 1> seconds{};        // a ring; the running second is left out of rates

  double rate(int64_t Second::*field) const {
    const std::lock_guard lock(mutex);
    const int64_t now = now_s();
    int64_t sum = 0;
    for (const Second& second : seconds) {
      if (second.at < now && second.at >= now - static_cast<int64_t>(kRateSeconds)) sum += second.*field;
    }
    return static_cast<double>(sum) / kRateSeconds;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::observe(const RequestMeasure& measure) {
  const Timing& t = measure.timing;
  Impl& m = *impl_;
  m.finished[static_cast<size_t>(measure.finish)].fetch_add(1, std::memory_order_relaxed);
  if (measure.first_token_s >= 0) m.first_token.observe(measure.first_token_s);
  m.whole.observe(measure.total_s);
  m.queue.observe(t.queue_ms / 1e3);
  m.prefill.observe(t.prefill_ms / 1e3);
  m.decode.observe(t.decode_ms / 1e3);
  m.prompt_tokens.observe(static_cast<double>(t.prompt_tokens));
  m.generated_tokens.observe(static_cast<double>(t.new_tokens));
  if (t.new_tokens > 1) m.token_mean.observe(t.decode_ms / 1e3 / static_cast<double>(t.new_tokens - 1));
  add(m.prompt_s, t.prefill_ms / 1e3);
  add(m.generated_s, t.decode_ms / 1e3);
}

void Metrics::observe_token_gap(double seconds) { impl_->token_gap.observe(seconds); }

void Metrics::count_tokens(int64_t prompt, int64_t generated) {
  impl_->prompt_total.fetch_add(static_cast<uint64_t>(prompt), std::memory_order_relaxed);
  impl_->generated_total.fetch_add(static_cast<uint64_t>(generated), std::memory_order_relaxed);
  const std::lock_guard lock(impl_->mutex);
  const int64_t now = now_s();
  Impl::Second& second = impl_->seconds[static_cast<size_t>(now) % impl_->seconds.size()];
  if (second.at != now) second = {.at = now};
  second.prompt += prompt;
  second.generated += generated;
}

void Metrics::count_status(int status) {
  impl_->statuses[static_cast<size_t>(std::clamp(status / 100, 0, 5))].fetch_add(1, std::memory_order_relaxed);
}

double Metrics::prompt_rate() const { return impl_->rate(&Impl::Second::prompt); }
double Metrics::generated_rate() const { return impl_->rate(&Impl::Second::generated); }

namespace {

// A gauge or counter of every loaded model.
struct ModelValue {
  const char* name;
  const char* type;
  const char* help;
  double (*value)(const ModelStatus& model);
};

double share(int64_t part, int64_t whole) { return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0; }

const ModelValue kModelValues[] = {
    {"vllm:num_requests_running", "gauge", "Sequences at work.", [](const ModelStatus& m) { return double(m.stats.running); }},
    {"vllm:num_requests_waiting", "gauge", "Sequences that wait.", [](const ModelStatus& m) { return double(m.stats.waiting); }},
    {"vllm:kv_cache_usage_perc", "gauge", "KV pages in use by sequences; 1 is all.",
     [](const ModelStatus& m) { return share(m.stats.pages_used, m.stats.pages_total); }},
    {"vllm:num_preemptions_total", "counter", "Sequences whose pages were taken.",
     [](const ModelStatus& m) { return double(m.stats.preempted); }},
    {"vllm:prefix_cache_queries_total", "counter", "Prompt tokens looked up in the prefix cache.",
     [](const ModelStatus& m) { return double(m.stats.prefix.tokens_asked); }},
    {"vllm:prefix_cache_hits_total", "counter", "Prompt tokens found in the prefix cache.",
     [](const ModelStatus& m) { return double(m.stats.prefix.tokens_hit); }},
    {"vllm:spec_decode_num_draft_tokens_total", "counter", "Tokens drafted.",
     [](const ModelStatus& m) { return double(m.stats.drafted_tokens); }},
    {"vllm:spec_decode_num_accepted_tokens_total", "counter", "Drafted tokens accepted.",
     [](const ModelStatus& m) { return double(m.stats.accepted_tokens); }},
    {"llamacpp:n_decode_total", "counter", "Steps of the engine.", [](const ModelStatus& m) { return double(m.stats.steps); }},
    {"llamacpp:requests_processing", "gauge", "Requests at work.", [](const ModelStatus& m) { return double(m.stats.running); }},
    {"llamacpp:requests_deferred", "gauge", "Requests that wait.", [](const ModelStatus& m) { return double(m.stats.waiting); }},
    {"hearth:weight_bytes", "gauge", "Bytes of weights.", [](const ModelStatus& m) { return double(m.weight_bytes); }},
    {"hearth:step_seconds_total", "counter", "Time in steps.", [](const ModelStatus& m) { return m.stats.step_ms / 1e3; }},
};

void print_models(std::string& out, const std::vector<ModelStatus>& models) {
  for (const ModelValue& value : kModelValues) {
    Family family(out, value.name, value.type, value.help);
    for (const ModelStatus& model : models) {
      if (model.state != ModelState::ready) continue;
      family.add(fmt::format("model_name=\"{}\"", label_text(model.entry.id)), value.value(model));
    }
  }
}

void print_http(std::string& out, const HttpStats& http, const std::array<std::atomic<uint64_t>, 6>& statuses) {
  Family(out, "hearth:http_connections", "gauge", "Open connections.").add("", double(http.open_connections));
  Family(out, "hearth:http_requests_total", "counter", "Requests read.").add("", double(http.requests));
  Family(out, "hearth:http_refused_total", "counter", "Requests and connections refused by limits.")
      .add("", double(http.refused_requests + http.refused_connections));
  Family(out, "hearth:http_gone_total", "counter", "Clients that left before the end of a reply.").add("", double(http.gone_clients));
  Family family(out, "hearth:http_replies_total", "counter", "Replies by class of status.");
  for (size_t i = 1; i < statuses.size(); ++i) family.add(fmt::format("status=\"{}xx\"", i), double(statuses[i].load()));
}

}  // namespace

std::string Metrics::text(const std::vector<ModelStatus>& models, const HttpStats& http) const {
  const Impl& m = *impl_;
  std::string out;
  print_models(out, models);
  Family finished(out, "vllm:request_success_total", "counter", "Answers by why they ended.");
  for (const Finish why : {Finish::end, Finish::stop, Finish::length, Finish::cancelled, Finish::failed}) {
    const char* name = why == Finish::end ? "eos" : name_of(why);
    finished.add(fmt::format("finished_reason=\"{}\"", name), double(m.finished[static_cast<size_t>(why)].load()));
  }
  m.first_token.print(out, "vllm:time_to_first_token_seconds", "From a request's arrival to its first token.");
  m.token_gap.print(out, "vllm:inter_token_latency_seconds", "Between tokens of an answer.");
  m.token_mean.print(out, "vllm:request_time_per_output_token_seconds", "Mean time a token, by request.");
  m.whole.print(out, "vllm:e2e_request_latency_seconds", "From a request's arrival to its end.");
  m.queue.print(out, "vllm:request_queue_time_seconds", "Waiting to be scheduled.");
  m.prefill.print(out, "vllm:request_prefill_time_seconds", "Computing the prompt.");
  m.decode.print(out, "vllm:request_decode_time_seconds", "Generating.");
  m.prompt_tokens.print(out, "vllm:request_prompt_tokens", "Tokens of a prompt.");
  m.generated_tokens.print(out, "vllm:request_generation_tokens", "Tokens of an answer.");
  const double prompt = double(m.prompt_total.load()), generated = double(m.generated_total.load());
  Family(out, "vllm:prompt_tokens_total", "counter", "Prompt tokens.").add("", prompt);
  Family(out, "vllm:generation_tokens_total", "counter", "Generated tokens.").add("", generated);
  Family(out, "llamacpp:prompt_tokens_total", "counter", "Prompt tokens.").add("", prompt);
  Family(out, "llamacpp:prompt_seconds_total", "counter", "Time in prompts.").add("", m.prompt_s.load());
  Family(out, "llamacpp:tokens_predicted_total", "counter", "Generated tokens.").add("", generated);
  Family(out, "llamacpp:tokens_predicted_seconds_total", "counter", "Time generating.").add("", m.generated_s.load());
  Family(out, "llamacpp:prompt_tokens_seconds", "gauge", "Prompt tokens a second, last ten seconds.").add("", prompt_rate());
  Family(out, "llamacpp:predicted_tokens_seconds", "gauge", "Generated tokens a second, last ten seconds.").add("", generated_rate());
  print_http(out, http, m.statuses);
  return out;
}

}  // namespace hearth
