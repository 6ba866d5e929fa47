// ModelPool: the models a server offers; loaded when asked for, unloaded when idle, within a memory budget.
//
// Names: a model's own, or "model:adapter", or an adapter's own name where only one model has it. Loading runs on a thread of the pool;
// who asks meanwhile waits with the others. A model in use is never unloaded; when a new one does not fit beside those in use,
// the request is refused. What a model needs is known once it has been loaded: a first load may pass the budget for a moment.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine_loop.h"
#include "server/api_error.h"

namespace hearth {

// What the pool knows of a model before it is loaded.
struct ModelEntry {
  std::string id;                        // the name in the API
  std::vector<std::string> adapters;     // LoRA adapters by name
  uint64_t bytes = 0;                    // memory it needs, about; 0: not known before it has been loaded once
};

// A model at work.
struct ServedModel {
  std::string id;
  std::unique_ptr<EngineLoop> loop;
  std::string tool_format;               // of its template (text/message.h), "": none
  uint64_t weight_bytes = 0;
  std::chrono::system_clock::time_point loaded_at;
  std::shared_ptr<const void> kept;      // what else lives as long as the model
};

// Opens (and bakes, where needed) the model `id`; called on a thread of the pool. `turn` is for EngineLoop.
using LoadModel =
    std::function<Result<std::unique_ptr<ServedModel>>(const std::string& id, std::shared_ptr<Turn> turn)>;

struct PoolOptions {
  std::vector<ModelEntry> models;        // the first is the default
  uint64_t memory_bytes = 0;             // budget for all loaded models, 0: none
  std::chrono::seconds idle_time{0};     // unload after so long without a request; 0: never
};

enum class ModelState { unloaded, loading, ready, failed };
const char* name_of(ModelState state);   // "unloaded", ...

struct ModelStatus {
  ModelEntry entry;
  ModelState state = ModelState::unloaded;
  std::string failure;                   // of ModelState::failed
  uint64_t weight_bytes = 0;
  int64_t context = 0;
  EngineStats stats;                     // of a loaded model
};

struct Chosen {
  std::shared_ptr<ServedModel> model;    // held while a request uses it
  std::string adapter;                   // "": none
};
using OnModel = std::function<void(ApiResult<Chosen>)>;

class ModelPool {
 public:
  ModelPool(PoolOptions options, LoadModel load);
  ~ModelPool();                          // waits for a load that runs; models go when nobody holds them

  // Calls `then` with the model at once, or later from the pool's thread when it had to be loaded. "": the default.
  void choose(const std::string& name, OnModel then);
  void preload(const std::string& id);
  std::vector<ModelStatus> status() const;
  bool knows(const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
