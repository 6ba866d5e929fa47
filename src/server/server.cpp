// Server: routes requests to endpoints; two workers prepare what takes time, engines answer on their own threads.
#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstring>
#include <future>
#include <optional>

#include "server/endpoint.h"

namespace hearth {

// The endpoints, as their files define them.
#define HEARTH_MEMBER(name) Endpoint name();
#include "sets/server_endpoints.inc"
#undef HEARTH_MEMBER

std::vector<Endpoint> all_endpoints() {
  return {
#define HEARTH_MEMBER(name) name(),
#include "sets/server_endpoints.inc"
#undef HEARTH_MEMBER
  };
}

namespace {

constexpr int kWorkers = 2;

bool matches(const std::string& pattern, const std::string& path) {
  if (!pattern.ends_with('*')) return pattern == path;
  const std::string start = pattern.substr(0, pattern.size() - 1);
  return path.starts_with(start);
}

// As long as the longer text, whatever the first difference: the time says nothing of a key.
bool equal_keys(const std::string& got, const std::string& want) {
  unsigned difference = got.size() == want.size() ? 0 : 1;
  for (size_t i = 0; i < got.size(); ++i) {
    difference |= static_cast<unsigned>(got[i] ^ want[want.empty() ? 0 : i % want.size()]);
  }
  return difference == 0;
}

// OpenAI's clients send "Authorization: Bearer KEY", Anthropic's "x-api-key: KEY".
bool has_key(const HttpRequest& request, const std::string& key) {
  if (const std::string* given = request.header("x-api-key"); given != nullptr && equal_keys(*given, key)) return true;
  const std::string* given = request.header("Authorization");
  return given != nullptr && given->starts_with("Bearer ") && equal_keys(given->substr(7), key);
}

// Browsers say whose page asks. A foreign page may not even send what it could not read the answer of.
bool is_foreign(const HttpRequest& request, const std::vector<std::string>& allowed) {
  const std::string* origin = request.header("Origin");
  if (origin == nullptr || request.method == "GET" || request.method == "HEAD") return false;
  for (const std::string& one : allowed) {
    if (one == "*" || one == *origin) return false;
  }
  const std::string* host = request.header("Host");
  const size_t scheme = origin->find("://");
  return host == nullptr || scheme == std::string::npos || origin->substr(scheme + 3) != *host;
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

// The most specific first: a longer pattern before "/*".
std::vector<Endpoint> sorted_endpoints() {
  std::vector<Endpoint> endpoints = all_endpoints();
  std::stable_sort(endpoints.begin(), endpoints.end(),
                   [](const Endpoint& a, const Endpoint& b) { return std::strlen(a.path) > std::strlen(b.path); });
  return endpoints;
}

}  // namespace

struct Server::Impl {
  ServerOptions options;
  std::vector<Endpoint> endpoints = sorted_endpoints();
  Metrics metrics;
  Traces traces;
  ResponseStore responses;
  std::optional<boost::asio::thread_pool> workers;
  std::optional<ModelPool> models;
  std::optional<Services> services;
  std::optional<HttpServer> http;
  Running running;
  std::atomic<bool> stopping = false;

  void route(HttpRequest request, std::shared_ptr<HttpReply> reply);
  void post(std::function<void()> work);
  // No connection is open any more, so what still runs has been cancelled. It uses the metrics, and lets go of its model
  // on a worker: those end last.
  ~Impl() {
    models.reset();
    running.wait_for_none();
    if (workers) workers->join();
  }
};

void Server::Impl::post(std::function<void()> work) {
  auto mark = std::make_shared<Running::Mark>(running);
  boost::asio::post(*workers, [mark = std::move(mark), work = std::move(work)]() mutable {
    work();
    work = nullptr;  // what it holds goes before its mark
  });
}

void Server::Impl::route(HttpRequest request, std::shared_ptr<HttpReply> reply) {
  if (is_foreign(request, options.http.cors_origins)) {
    return send_error(*reply, {.status = 403, .message = "a page of another origin asks; allow it with --cors"});
  }
  std::vector<std::string> allowed;  // methods of this path; the page's "/*" is for paths that nothing else has
  for (const Endpoint& endpoint : endpoints) {
    if (!matches(endpoint.path, request.path)) continue;
    const bool any_path = std::string_view(endpoint.path) == "/*";
    if (any_path && !allowed.empty()) break;
    if (request.method != endpoint.method && !(request.method == "HEAD" && std::string(endpoint.method) == "GET")) {
      if (!any_path) allowed.emplace_back(endpoint.method);
      continue;
    }
    if (endpoint.access == Admission::with_key && !options.api_key.empty() && !has_key(request, options.api_key)) {
      return send_error(*reply,
                        {.status = 401, .message = "the API key is missing or wrong", .code = "invalid_api_key"});
    }
    return endpoint.answer(*services, std::move(request), std::move(reply));
  }
  if (allowed.empty())
    return send_error(*reply, not_found(fmt::format("'{}': nothing is served here", request.path), "unknown_url"));
  const ApiError error{.status = 405, .message = fmt::format("'{}': {} is not allowed here, want {}", request.path,
                                                             request.method, fmt::join(allowed, " or "))};
  send_json(*reply, to_json(error), error.status, {{"Allow", fmt::format("{}", fmt::join(allowed, ", "))}});
}

Result<Server> Server::open(const ServerOptions& options, LoadModel load) {
  auto impl = std::make_shared<Impl>();
  impl->options = options;
  Impl* raw = impl.get();  // threads that use it end before it does
  HttpOptions http = options.http;
  http.on_access = [raw, log = options.http.on_access](const AccessRecord& record) {
    raw->metrics.count_status(record.status);
    if (log) log(record);
  };
  TRY(impl->http, HttpServer::open(http, [raw](HttpRequest request, std::shared_ptr<HttpReply> reply) {
        raw->route(std::move(request), std::move(reply));
      }));
  impl->workers.emplace(kWorkers);
  impl->models.emplace(options.models, std::move(load));
  impl->services.emplace(Services{
      .models = *impl->models,
      .metrics = impl->metrics,
      .traces = impl->traces,
      .responses = impl->responses,
      .started_at = std::chrono::steady_clock::now(),
      .version = options.version,
      .network = is_loopback(http.host) ? "this device only" : fmt::format("{}:{}", http.host, impl->http->port()),
      .memory_budget = options.models.memory_bytes,
      .http_stats = [raw] { return raw->http->stats(); },
      .page = options.page,
      .running = impl->running,
      .post = [raw](std::function<void()> work) { raw->post(std::move(work)); },
  });
  Server server;
  server.impl_ = std::move(impl);
  return server;
}

int Server::port() const { return impl_->http->port(); }
void Server::run() { impl_->http->run(); }

Result<Done> Server::load(const std::string& model) {
  std::promise<Result<Done>> done;
  impl_->models->choose(model, [&](ApiResult<Chosen> chosen) {
    done.set_value(chosen ? Result<Done>(Done{}) : Result<Done>(Error{chosen.failure().message}));
  });
  return done.get_future().get();
}

void Server::stop() {
  const bool again = impl_->stopping.exchange(true);
  impl_->http->stop(again ? std::chrono::milliseconds(0) : impl_->options.stop_grace);
}

}  // namespace hearth
