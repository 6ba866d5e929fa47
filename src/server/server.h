// Server: OpenAI's and Anthropic's APIs and the chat page over the models of a pool.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "server/http.h"
#include "server/model_pool.h"

namespace hearth {

struct ServerOptions {
  HttpOptions http;
  PoolOptions models;
  std::string api_key;                   // "": everybody may ask
  std::string version;                   // of Hearth
  bool page = true;                      // the chat page at /
  std::chrono::milliseconds stop_grace{30'000};          // running answers may end
};

class Server {
 public:
  static Result<Server> open(const ServerOptions& options, LoadModel load);
  int port() const;
  void run();                            // until stop(), which may come from any thread or a signal's helper thread
  Result<Done> load(const std::string& model);   // waits until it is there, "": the first
  // No new requests; running answers may end until the grace has passed. Once more: they are cut at once.
  void stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth
