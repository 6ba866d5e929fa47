// Endpoint: a method and a path, and what answers it; the files of endpoints/ are the set.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/set.h"
#include "server/api_error.h"
#include "server/http.h"
#include "server/metrics.h"
#include "server/model_pool.h"
#include "server/response_store.h"
#include "server/running.h"
#include "server/traces.h"

namespace hearth {

// What every endpoint works with; lives as long as the server.
struct Services {
  ModelPool& models;
  Metrics& metrics;
  Traces& traces;
  ResponseStore& responses;
  std::chrono::steady_clock::time_point started_at;
  std::string version;  // of Hearth
  std::string network;  // "this device only", or the address others can reach
  uint64_t memory_budget = 0;
  std::function<HttpStats()> http_stats;
  bool page = true;  // the chat page is served
  Running& running;  // answers on their way, and posted work
  // Runs `work` on a thread that may take its time (rendering, tokenizing, compiling grammars).
  std::function<void(std::function<void()> work)> post;
};

enum class Admission { open, with_key };  // with_key: needs --api-key where one is set

struct Endpoint {
  const char* method = "GET";
  const char* path = "/";  // "/v1/models/*": any rest
  Admission access = Admission::with_key;
  // Runs on an IO thread: takes the body apart, posts what takes time.
  void (*answer)(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) = nullptr;
};

std::vector<Endpoint> all_endpoints();

}  // namespace hearth
