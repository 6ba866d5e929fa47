// GET /metrics, /hearth/status and /hearth/traces: what the server does and has done.
#include <cstdlib>
#include <fstream>

#include <unistd.h>

#include "server/endpoint.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, metrics)
HEARTH_SET_MEMBER(endpoint, status)
HEARTH_SET_MEMBER(endpoint, traces)

namespace {

constexpr size_t kMostTraces = 1000;

void answer_metrics(Services& services, HttpRequest, std::shared_ptr<HttpReply> reply) {
  reply->send(200, "text/plain; version=0.0.4; charset=utf-8", services.metrics.text(services.models.status(), services.http_stats()));
}

// Bytes of this process in memory; 0 where the system does not say.
uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return statm ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

OrderedJson words_of(const ModelStatus& model) {
  const EngineStats& stats = model.stats;
  OrderedJson words = {{"id", model.entry.id},
                       {"state", name_of(model.state)},
                       {"adapters", model.entry.adapters},
                       {"weights_bytes", model.weight_bytes},
                       {"kv_bytes", stats.memory_bytes},
                       {"kv_pages_used", stats.pages_used},
                       {"kv_pages_cached", stats.prefix.pages},
                       {"kv_pages_total", stats.pages_total},
                       {"context", model.context},
                       {"running", stats.running},
                       {"waiting", stats.waiting},
                       {"requests", stats.requests},
                       {"cached_tokens_hit", stats.prefix.tokens_hit},
                       {"prompt_tokens", stats.prompt_tokens},
                       {"generated_tokens", stats.generated_tokens},
                       {"drafted_tokens", stats.drafted_tokens},
                       {"accepted_tokens", stats.accepted_tokens},
                       {"preempted", stats.preempted}};
  if (!model.failure.empty()) words["failure"] = model.failure;
  return words;
}

void answer_status(Services& services, HttpRequest, std::shared_ptr<HttpReply> reply) {
  OrderedJson models = OrderedJson::array();
  for (const ModelStatus& model : services.models.status()) models.push_back(words_of(model));
  const auto uptime = std::chrono::steady_clock::now() - services.started_at;
  send_json(*reply, {{"version", services.version},
                     {"uptime_s", std::chrono::duration<double>(uptime).count()},
                     {"models", std::move(models)},
                     {"memory", {{"resident_bytes", resident_bytes()}, {"budget_bytes", services.memory_budget}}},
                     {"tokens_per_s", {{"prompt", services.metrics.prompt_rate()}, {"generated", services.metrics.generated_rate()}}},
                     {"network", services.network}});
}

void answer_traces(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  size_t count = 50;
  if (const auto asked = request.query.find("last"); asked != request.query.end()) {
    char* end = nullptr;
    const long number = std::strtol(asked->second.c_str(), &end, 10);
    if (asked->second.empty() || *end != 0 || number < 1 || number > static_cast<long>(kMostTraces)) {
      return send_error(*reply, bad_request(fmt::format("'last' is '{}', want 1 to {}", asked->second, kMostTraces), "last"));
    }
    count = static_cast<size_t>(number);
  }
  send_json(*reply, services.traces.last(count));
}

}  // namespace

Endpoint metrics() { return {.method = "GET", .path = "/metrics", .answer = answer_metrics}; }
Endpoint status() { return {.method = "GET", .path = "/hearth/status", .answer = answer_status}; }
Endpoint traces() { return {.method = "GET", .path = "/hearth/traces", .answer = answer_traces}; }

}  // namespace hearth
