// ModelPool: one thread loads and unloads; everything else is a short look under a lock.
#include "server/model_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTick = std::chrono::seconds(1);

struct Entry {
  ModelEntry entry;
  ModelState state = ModelState::unloaded;
  std::string failure;
  std::shared_ptr<ServedModel> model;            // of ModelState::ready; others hold it while they use it
  Clock::time_point last_used;
  struct Waiting {
    std::string adapter;
    OnModel then;
  };
  std::vector<Waiting> waiting;                  // of ModelState::loading

  bool in_use() const { return model != nullptr && (model.use_count() > 1 || !model->loop->idle()); }
};

using Models = std::vector<std::shared_ptr<ServedModel>>;
struct Loaded {
  std::shared_ptr<ServedModel> model;
  std::optional<ApiError> failure;               // where there is no model
};

uint64_t bytes_of(const ServedModel& model) { return model.weight_bytes + model.loop->stats().memory_bytes; }

}  // namespace

const char* name_of(ModelState state) {
  static constexpr const char* kNames[] = {"unloaded", "loading", "ready", "failed"};
  return kNames[static_cast<size_t>(state)];
}

struct ModelPool::Impl {
  PoolOptions options;
  LoadModel load;
  std::shared_ptr<Turn> turn = std::make_shared<Turn>();
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<Entry> entries;
  std::deque<size_t> to_load;
  bool ends = false;
  std::thread thread;

  struct Named {
    size_t entry;
    std::string adapter;
  };
  std::optional<Named> find(const std::string& name) const;
  ApiError unknown(const std::string& name) const;
  void request_load(size_t index);
  std::optional<ApiError> make_room(size_t index, Models& gone);
  Loaded load_within_budget(std::unique_lock<std::mutex>& lock, size_t index);
  void load_one(std::unique_lock<std::mutex>& lock, size_t index);
  void unload_idle(Models& gone);
  void work();
};

std::optional<ModelPool::Impl::Named> ModelPool::Impl::find(const std::string& name) const {
  if (name.empty() && !entries.empty()) return Named{0, ""};
  std::optional<Named> by_adapter;
  int adapters = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const ModelEntry& entry = entries[i].entry;
    if (entry.id == name) return Named{i, ""};
    for (const std::string& adapter : entry.adapters) {
      if (entry.id + ":" + adapter == name) return Named{i, adapter};
      if (adapter != name) continue;
      by_adapter = Named{i, adapter};
      ++adapters;
    }
  }
  return adapters == 1 ? by_adapter : std::nullopt;
}

ApiError ModelPool::Impl::unknown(const std::string& name) const {
  std::vector<std::string> names;
  for (const Entry& entry : entries) {
    names.push_back(entry.entry.id);
    for (const std::string& adapter : entry.entry.adapters) names.push_back(entry.entry.id + ":" + adapter);
  }
  ApiError error = not_found(fmt::format("model '{}' is not served here, want one of: {}", name, fmt::join(names, ", ")), "model_not_found");
  error.param = "model";
  return error;
}

void ModelPool::Impl::request_load(size_t index) {
  Entry& entry = entries[index];
  if (entry.state == ModelState::loading || entry.state == ModelState::ready) return;
  entry.state = ModelState::loading;
  to_load.push_back(index);
  changed.notify_all();
}

// Unloads idle models, the one used longest ago first, until `index` fits; those go after the lock is gone.
std::optional<ApiError> ModelPool::Impl::make_room(size_t index, Models& gone) {
  if (options.memory_bytes == 0) return std::nullopt;
  const ModelEntry& wanted = entries[index].entry;
  while (true) {
    uint64_t sum = wanted.bytes;
    Entry* oldest = nullptr;
    for (Entry& entry : entries) {
      if (entry.model == nullptr) continue;
      sum += entry.entry.bytes;
      if (!entry.in_use() && (oldest == nullptr || entry.last_used < oldest->last_used)) oldest = &entry;
    }
    if (sum <= options.memory_bytes) return std::nullopt;
    if (oldest == nullptr) break;
    gone.push_back(std::move(oldest->model));
    oldest->state = ModelState::unloaded;
  }
  const bool never = wanted.bytes > options.memory_bytes;
  ApiError error = too_busy(fmt::format("model '{}' needs {} MiB, the memory for models is {} MiB{}", wanted.id,
                                        wanted.bytes >> 20, options.memory_bytes >> 20,
                                        never ? "" : " and those loaded are in use; try again later"));
  error.status = 503;
  error.code = "model_does_not_fit";
  error.retry_after_s = never ? 0 : 5;
  return error;
}

// Loads without the lock; with it before and after.
Loaded ModelPool::Impl::load_within_budget(std::unique_lock<std::mutex>& lock, size_t index) {
  Models gone;                                   // let go without the lock: that joins their threads
  const std::string id = entries[index].entry.id;
  std::optional<ApiError> failure = make_room(index, gone);
  lock.unlock();
  gone.clear();
  std::shared_ptr<ServedModel> model;
  if (!failure) {
    auto loaded = load(id, turn);
    if (loaded.ok()) {
      model = std::move(*loaded);
    } else {
      failure = server_failure(fmt::format("model '{}': {}", id, loaded.message()));
    }
  }
  lock.lock();
  if (model == nullptr) return {nullptr, failure};
  entries[index].entry.bytes = bytes_of(*model);
  failure = make_room(index, gone);
  if (failure) gone.push_back(std::move(model));
  lock.unlock();
  gone.clear();
  lock.lock();
  return {std::move(model), failure};
}

void ModelPool::Impl::load_one(std::unique_lock<std::mutex>& lock, size_t index) {
  auto [model, failure] = load_within_budget(lock, index);
  Entry& entry = entries[index];
  entry.state = model != nullptr ? ModelState::ready : failure->status == 503 ? ModelState::unloaded : ModelState::failed;
  entry.failure = failure ? failure->message : "";
  entry.model = model;
  entry.last_used = Clock::now();
  std::vector<Entry::Waiting> waiting = std::move(entry.waiting);
  entry.waiting.clear();
  lock.unlock();
  for (Entry::Waiting& one : waiting) {
    if (failure) {
      one.then(*failure);
    } else {
      one.then(Chosen{model, one.adapter});
    }
  }
  waiting.clear();
  model.reset();
  lock.lock();
}

void ModelPool::Impl::unload_idle(Models& gone) {
  if (options.idle_time.count() == 0) return;
  for (Entry& entry : entries) {
    if (entry.model == nullptr) continue;
    if (entry.in_use()) entry.last_used = Clock::now();
    if (Clock::now() - entry.last_used < options.idle_time) continue;
    gone.push_back(std::move(entry.model));
    entry.state = ModelState::unloaded;
  }
}

void ModelPool::Impl::work() {
  std::unique_lock lock(mutex);
  while (!ends) {
    if (!to_load.empty()) {
      const size_t index = to_load.front();
      to_load.pop_front();
      load_one(lock, index);
      continue;
    }
    Models gone;
    unload_idle(gone);
    if (!gone.empty()) {
      lock.unlock();
      gone.clear();
      lock.lock();
      continue;
    }
    changed.wait_for(lock, kTick);
  }
}

ModelPool::ModelPool(PoolOptions options, LoadModel load) : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
  impl_->load = std::move(load);
  for (const ModelEntry& entry : impl_->options.models) impl_->entries.push_back({.entry = entry});
  impl_->thread = std::thread([impl = impl_.get()] { impl->work(); });
}

ModelPool::~ModelPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ends = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
  for (Entry& entry : impl_->entries) {
    for (Entry::Waiting& one : entry.waiting) one.then(server_stops());
  }
}

void ModelPool::choose(const std::string& name, OnModel then) {
  std::unique_lock lock(impl_->mutex);
  const auto found = impl_->find(name);
  if (!found) {
    const ApiError error = impl_->unknown(name);
    lock.unlock();
    return then(error);
  }
  Entry& entry = impl_->entries[found->entry];
  if (entry.state == ModelState::ready) {
    entry.last_used = Clock::now();
    Chosen chosen{entry.model, found->adapter};
    lock.unlock();
    return then(std::move(chosen));
  }
  entry.waiting.push_back({found->adapter, std::move(then)});
  impl_->request_load(found->entry);
}

void ModelPool::preload(const std::string& id) {
  const std::lock_guard lock(impl_->mutex);
  if (const auto found = impl_->find(id)) impl_->request_load(found->entry);
}

bool ModelPool::knows(const std::string& name) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->find(name).has_value();
}

std::vector<ModelStatus> ModelPool::status() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<ModelStatus> all;
  for (const Entry& entry : impl_->entries) {
    ModelStatus status{.entry = entry.entry, .state = entry.state, .failure = entry.failure};
    if (entry.model != nullptr) {
      status.weight_bytes = entry.model->weight_bytes;
      status.context = entry.model->loop->engine().context();
      status.stats = entry.model->loop->stats();
    }
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace hearth
