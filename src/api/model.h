// Model: MODEL in words -> a baked artifact, from the cache or freshly made -> an engine that runs it here.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/options.h"
#include "artifact/artifact.h"
#include "bake/bake.h"
#include "engine/engine.h"

namespace hearth {

struct ModelOptions {
  std::string model, quant, kv, activations, target = "native", dump;
  std::string cache;                     // folder; "": bake to a temporary file that goes away
  std::vector<std::string> hub;          // folders of Hugging Face caches
  int threads = 0, threads_decode = 0;   // 0: all; chosen by measuring
  bool huge_pages = true;                // weights may be copied onto huge pages
  bool load_first = false;               // opening ends when the weights are where they stay
  std::map<std::string, std::string> adapters;   // LoRA adapters: name -> PEFT folder
  std::string draft;                     // MODEL of a smaller model that drafts, "": none
  EngineOptions engine;

  static const std::vector<std::string>& keys();
  static Result<ModelOptions> read(const Options& options);
};

using OnProgress = std::function<void(const BakeProgress&)>;

// The artifact of MODEL: itself if it is one, else the cache's, else baked (into the cache).
Result<Artifact> open_or_bake(const ModelOptions& options, const OnProgress& on_progress);

// An order to bake MODEL, as the options say; `out` is still empty.
Result<Order> order_of(const ModelOptions& options, const OnProgress& on_progress);

// Brings an artifact's weights into memory on a thread of its own, and onto huge pages, while others start and work.
class Loader {
 public:
  Loader(const Artifact& artifact, bool huge_pages);
  void wait();                           // until it is done

 private:
  std::jthread thread_;                  // ends early when the loader goes
};

// KV pages of one sequence that fills its context.
int64_t pages_of_context(const Interface& interface, const EngineOptions& options);

// The engine of an artifact on this machine's CPU, with its drafter where the options name one.
Result<Engine> open_engine(const Artifact& artifact, const ModelOptions& options, const OnProgress& on_progress);

// A model that is open. Not `Model`, which is a family's graph (models/model.h): two types of one name in a program are one to the linker.
struct OpenModel {
  Artifact artifact;
  Engine engine;
  ModelOptions options;
  std::unique_ptr<Loader> loader;
};
Result<OpenModel> open_model(const ModelOptions& options, const OnProgress& on_progress);

}  // namespace hearth
