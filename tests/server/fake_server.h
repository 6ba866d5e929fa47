// A server over fake models, on a thread of its own: requests over real sockets, answers as a function says.
#pragma once

#include <optional>

#include "base/json.h"
#include "server/server.h"
#include "tests/engine/fake_model.h"
#include "tests/server/http_client.h"

namespace hearth {

// Says "a", "b", ... of Ember's vocabulary by position, and ends after `most` tokens.
inline FakeModel counting(size_t most) {
  return [=](std::span<const int32_t> ids, std::span<float> logits) {
    const size_t said = ids.size() - 1;
    logits[said % most == most - 1 ? 2 : 300 + said % 100] = 40;  // certain at any temperature
  };
}

inline Artifact fake_served(const std::string& name) {
  Interface interface = fake_interface();
  auto artifact = fake_artifact(interface, temporary("server-" + name));
  if (!artifact.ok()) ADD_FAILURE() << artifact.message();
  return std::move(*artifact);
}

// A loaded fake model; `device` gets its device.
inline std::unique_ptr<ServedModel> fake_model(const std::string& id, FakeModel model, EngineOptions options = {},
                                               std::shared_ptr<FakeDevice>* device = nullptr) {
  auto made = std::make_shared<FakeDevice>(std::move(model));
  if (device != nullptr) *device = made;
  if (options.pages == 0) options.pages = 2 * kFakeContext / 16;
  auto engine = Engine::open(fake_served(id), made, options);
  if (!engine.ok()) ADD_FAILURE() << engine.message();
  auto served = std::make_unique<ServedModel>();
  served->id = id;
  served->weight_bytes = 1 << 20;
  served->loop = std::make_unique<EngineLoop>(std::move(*engine));
  return served;
}

class FakeServer {
 public:
  explicit FakeServer(LoadModel load, ServerOptions options = {}) {
    if (options.models.models.empty()) options.models.models = {{.id = "fake"}};
    options.http.port = 0;
    auto opened = Server::open(options, std::move(load));
    if (!opened.ok()) ADD_FAILURE() << opened.message();
    server_.emplace(std::move(*opened));
    thread_ = std::thread([this] { server_->run(); });
  }
  explicit FakeServer(FakeModel model, ServerOptions options = {}, EngineOptions engine = {})
      : FakeServer([this, model, engine](const std::string& id,
                                         std::shared_ptr<Turn>) -> Result<std::unique_ptr<ServedModel>> {
          return fake_model(id, model, engine, &device);
        }, std::move(options)) {}
  ~FakeServer() {
    server_->stop();
    server_->stop();
    thread_.join();
  }

  TestClient connect() const { return TestClient(server_->port()); }
  HttpAnswer ask(const std::string& request) const { return connect().ask(request); }
  Json ask_json(const std::string& request, int status = 200) const {
    const HttpAnswer answer = ask(request);
    EXPECT_EQ(answer.status, status) << answer.body;
    auto json = parse_json(answer.body, "answer");
    EXPECT_TRUE(json.ok()) << answer.body;
    return json.ok() ? *json : Json();
  }
  Server& operator*() { return *server_; }

  std::shared_ptr<FakeDevice> device;  // of the model that was loaded last

 private:
  std::optional<Server> server_;
  std::thread thread_;
};

}  // namespace hearth
