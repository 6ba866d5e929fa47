// Serving: each model of the options becomes a loader of the server's pool.
#include "api/serve.h"

#include <algorithm>
#include <filesystem>

#include "artifact/formula.h"
#include "base/check.h"
#include "base/memory.h"
#include "server/access_log.h"
#include "text/message.h"

#ifndef HEARTH_VERSION
#define HEARTH_VERSION "0.1.0"
#endif

namespace hearth {
namespace {

constexpr double kMostBytes = 9e15;
constexpr int64_t kServedChunk = 256;      // rows of a prompt's step: who comes next waits for it to end
constexpr uint64_t kDefaultContexts = 64;  // full contexts of KV pages, where memory allows

// One model of the options.
struct ServeModel {
  std::string id;
  ModelOptions model;
  uint64_t kv_bytes = 0;                        // for KV pages, 0: a quarter of the memory at most
};

std::string default_id(const std::string& model) {
  namespace fs = std::filesystem;
  fs::path path(model);
  if (path.filename().empty()) path = path.parent_path();
  const std::string name = path.extension() == ".gguf" || path.extension() == ".hearth" ? path.stem() : path.filename();
  return name.empty() ? "model" : name;
}

Result<ServeModel> read_model(const OrderedJson& json) {
  std::vector<std::string> keys = ModelOptions::keys();
  for (const char* key : {"id", "kv_bytes", "sequences", "waiting"})
    keys.push_back(key);
  TRY(const Options options, Options::parse(json.dump().c_str(), "serve", keys));
  ServeModel read;
  TRY(read.model, ModelOptions::read(options));
  if (read.model.model.empty())
    return error("serve: a model without 'model', want a folder, a .gguf, a baked file or a name");
  TRY(read.id, options.text("id", default_id(read.model.model)));
  EngineOptions& engine = read.model.engine;
  if (!options.has("chunk")) engine.chunk = kServedChunk;
  TRY(engine.sequences, options.integer("sequences", engine.sequences, {1, 256}));
  TRY(engine.waiting, options.integer("waiting", engine.waiting, {1, 1 << 20}));
  TRY(const int64_t kv_bytes, options.integer("kv_bytes", 0, {0, kMostBytes}));
  if (kv_bytes > 0 && engine.pages > 0)
    return error("serve: '{}': got 'kv_bytes' {} and 'pages' {}, want one of them", read.id, kv_bytes, engine.pages);
  read.kv_bytes = static_cast<uint64_t>(kv_bytes);
  return read;
}

// Bytes of all states that one KV page takes.
Result<uint64_t> page_bytes(const Interface& interface) {
  std::vector<std::string> names;
  std::vector<int64_t> values;
  for (const SizeRecord& size : interface.sizes) {
    names.push_back(size.name);
    values.push_back(size.name == "pages" ? 1 : size.at_least);
  }
  uint64_t sum = 0;
  for (const BufferRecord& buffer : interface.buffers) {
    if (buffer.role != BufferRole::state || buffer.elements.find("pages") == std::string::npos) continue;
    TRY(const Formula elements, Formula::parse(buffer.elements, names));
    TRY(const int64_t count, elements.evaluate(values));
    sum += static_cast<uint64_t>(count) * static_cast<uint64_t>(bytes_of(buffer.dtype));
  }
  return sum;
}

// KV pages: what was asked for, else many contexts, within a quarter of the machine's memory but at least one context.
Result<int64_t> pages_for(const Interface& interface, const ServeModel& model) {
  TRY(const uint64_t bytes, page_bytes(interface));
  const auto per_context = static_cast<uint64_t>(pages_of_context(interface, model.model.engine));
  if (const auto asked = static_cast<uint64_t>(model.model.engine.pages); asked > 0) {
    if (asked >= per_context) return model.model.engine.pages;
    return error("serve: '{}': got {} KV 'pages', one context needs {}", model.id, asked, per_context);
  }
  const uint64_t budget = model.kv_bytes > 0 ? model.kv_bytes : machine_memory() / 4;
  const uint64_t afforded = bytes == 0 ? per_context : budget / bytes;
  if (model.kv_bytes > 0 && afforded < per_context) {
    return error("serve: '{}': {} MiB hold {} KV pages, one context needs {}", model.id, budget >> 20,
                 afforded, per_context);
  }
  const uint64_t wanted = model.kv_bytes > 0 ? afforded : std::min(afforded, per_context * kDefaultContexts);
  return static_cast<int64_t>(std::max(wanted, per_context));
}

Result<std::unique_ptr<ServedModel>> load_model(const ServeModel& model, const OnProgress& on_progress,
                                                std::shared_ptr<Turn> turn) {
  TRY(const Artifact artifact, open_or_bake(model.model, on_progress));
  ModelOptions options = model.model;
  TRY(options.engine.pages, pages_for(artifact.interface(), model));
  TRY(Engine engine, open_engine(artifact, options, on_progress));
  auto served = std::make_unique<ServedModel>();
  served->id = model.id;
  if (artifact.has_tensor("chat_template")) {
    TRY(const Bytes source, artifact.tensor("chat_template"));
    served->tool_format = detect_tool_format(as_text(source));
  }
  for (const auto& [name, bytes] : artifact.tensors()) served->weight_bytes += bytes.size();
  served->loaded_at = std::chrono::system_clock::now();
  served->kept = std::make_shared<Loader>(artifact, options.huge_pages);
  served->loop = std::make_unique<EngineLoop>(std::move(engine), std::move(turn));
  return served;
}

Result<std::vector<ServeModel>> read_models(const Options& options) {
  if (!options.has("models") || !options["models"].is_array() || options["models"].empty()) {
    return error("serve: 'models' is missing, want a list of at least one {{\"model\", ...}}");
  }
  std::vector<ServeModel> models;
  for (const OrderedJson& json : options["models"]) {
    if (!json.is_object()) return error("serve: 'models': got {} in the list, want an object", json.type_name());
    TRY(ServeModel model, read_model(json));
    const bool twice =
        std::any_of(models.begin(), models.end(), [&](const ServeModel& other) { return other.id == model.id; });
    if (twice) return error("serve: two models are called '{}'; give one of them another id", model.id);
    models.push_back(std::move(model));
  }
  return models;
}

Result<HttpOptions> read_http(const Options& options) {
  HttpOptions http;
  TRY(http.host, options.text("host", http.host));
  TRY(const int64_t port, options.integer("port", http.port, {0, 65535}));
  TRY(const int64_t body_bytes,
      options.integer("body_bytes", static_cast<int64_t>(http.body_bytes), {1024, kMostBytes}));
  TRY(const int64_t connections, options.integer("connections", http.max_connections, {1, 1 << 20}));
  TRY(http.cors_origins, options.texts("cors"));
  TRY(http.allowed_hosts, options.texts("allowed_hosts"));
  http.port = static_cast<int>(port);
  http.body_bytes = static_cast<size_t>(body_bytes);
  http.max_connections = static_cast<int>(connections);
  TRY(const std::string log, options.text("access_log", ""));
  if (log.empty()) return http;
  TRY(http.on_access, open_access_log(log));
  return http;
}

}  // namespace

Result<Server> open_server(const char* options_json, const OnProgress& on_progress) {
  TRY(const Options options,
      Options::parse(options_json, "serve",
                     {"models", "host", "port", "api_key", "cors", "allowed_hosts", "page", "memory_bytes", "idle_s",
                      "body_bytes", "connections", "access_log", "grace_s"}));
  TRY(const std::vector<ServeModel> models, read_models(options));
  ServerOptions server{.version = HEARTH_VERSION};
  TRY(server.http, read_http(options));
  TRY(server.api_key, options.text("api_key", ""));
  TRY(server.page, options.flag("page", true));
  TRY(const int64_t memory, options.integer("memory_bytes", 0, {0, kMostBytes}));
  TRY(const int64_t idle, options.integer("idle_s", 0, {0, 1e9}));
  TRY(const int64_t grace, options.integer("grace_s", 30, {0, 86400}));
  server.models.memory_bytes = static_cast<uint64_t>(memory);
  server.models.idle_time = std::chrono::seconds(idle);
  server.stop_grace = std::chrono::seconds(grace);
  for (const ServeModel& model : models) {
    ModelEntry entry{.id = model.id};
    for (const auto& [name, folder] : model.model.adapters) entry.adapters.push_back(name);
    server.models.models.push_back(std::move(entry));
  }
  const LoadModel load = [models, on_progress](const std::string& id, std::shared_ptr<Turn> turn) {
    const auto model = std::find_if(models.begin(), models.end(), [&](const ServeModel& one) { return one.id == id; });
    CHECK(model != models.end(), "the pool asks for '{}', which is none of its models", id);
    return load_model(*model, on_progress, std::move(turn));
  };
  TRY(Server opened, Server::open(server, load));
  TRY_DONE(opened.load(""));
  return opened;
}

}  // namespace hearth
