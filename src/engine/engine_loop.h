// EngineLoop: an engine on a thread of its own; requests come from any thread, events go out from the engine's.
#pragma once

#include <functional>
#include <memory>

#include "engine/engine.h"
#include "engine/turn.h"

namespace hearth {

class EngineLoop {
 public:
  // `turn`: engines that share a machine take it for each step, so that their threads do not fight; null: this one is alone.
  EngineLoop(Engine engine, std::shared_ptr<Turn> turn = nullptr);
  ~EngineLoop();                         // cancels what runs, then joins

  const Engine& engine() const;          // what never changes: tokenizer, template, card; and bind()
  // As Engine::submit, which runs at once in the caller's thread for its checks: errors come back here.
  Result<RequestId> submit(Request request, OnEvent on_event);
  void cancel(RequestId id);
  EngineStats stats() const;             // as of the last step
  Result<std::shared_ptr<const BoundGrammar>> bind(const Grammar& grammar, const std::string& key);
  Result<std::shared_ptr<const BoundGrammar>> bind(const std::string& key, const std::vector<int32_t>& shown,
                                                   const std::function<Result<Grammar>()>& compile);
  Result<Done> load_adapter(const Adapter& adapter);
  std::vector<std::string> adapters() const;
  bool idle() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
