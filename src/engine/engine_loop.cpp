// EngineLoop: an inbox of what others want, done between two steps.
#include "engine/engine_loop.h"

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

namespace hearth {
struct EngineLoop::Impl {
  explicit Impl(Engine its_engine, std::shared_ptr<Turn> its_turn) : engine(std::move(its_engine)), turn(std::move(its_turn)) {}

  Engine engine;
  std::shared_ptr<Turn> turn;
  std::mutex mutex;                      // guards what follows
  std::condition_variable wakes;
  std::deque<std::function<void()>> inbox;
  bool stops = false, is_idle = true;
  EngineStats stats;
  std::thread thread;

  bool post(std::function<void()> task);
  void run();
  void step();
};

bool EngineLoop::Impl::post(std::function<void()> task) {
  const std::lock_guard lock(mutex);
  if (stops) return false;
  inbox.push_back(std::move(task));
  is_idle = false;
  wakes.notify_one();
  return true;
}

void EngineLoop::Impl::step() {
  if (turn) turn->lock();
  engine.step();
  if (turn) turn->unlock();
}

void EngineLoop::Impl::run() {
  for (;;) {
    std::deque<std::function<void()>> tasks;
    {
      std::unique_lock lock(mutex);
      wakes.wait(lock, [&] { return stops || !inbox.empty() || !engine.idle(); });
      std::swap(tasks, inbox);
      if (stops && tasks.empty()) return;
    }
    for (const auto& task : tasks) task();
    if (!engine.idle()) step();
    const EngineStats now = engine.stats();
    const std::lock_guard lock(mutex);
    stats = now;
    is_idle = inbox.empty() && engine.idle();
  }
}

EngineLoop::EngineLoop(Engine engine, std::shared_ptr<Turn> turn)
    : impl_(std::make_unique<Impl>(std::move(engine), std::move(turn))) {
  impl_->stats = impl_->engine.stats();
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

EngineLoop::~EngineLoop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->inbox.push_back([impl = impl_.get()] { impl->engine.cancel_all(); });
    impl_->stops = true;
    impl_->wakes.notify_one();
  }
  impl_->thread.join();
}

const Engine& EngineLoop::engine() const { return impl_->engine; }

Result<RequestId> EngineLoop::submit(Request request, OnEvent on_event) {
  TRY(Ticket ticket, impl_->engine.accept(std::move(request), std::move(on_event)));
  const RequestId id = id_of(ticket);
  const bool posted = impl_->post([impl = impl_.get(), ticket] { impl->engine.enqueue(ticket); });
  if (posted) return id;
  impl_->engine.drop(ticket);
  return error("engine: it is closing and takes no more requests");
}

void EngineLoop::cancel(RequestId id) {
  impl_->post([impl = impl_.get(), id] { impl->engine.cancel(id); });
}

EngineStats EngineLoop::stats() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

bool EngineLoop::idle() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->is_idle;
}

Result<std::shared_ptr<const BoundGrammar>> EngineLoop::bind(const Grammar& grammar, const std::string& key) {
  return impl_->engine.bind(grammar, key);
}

Result<std::shared_ptr<const BoundGrammar>> EngineLoop::bind(const std::string& key, const std::vector<int32_t>& shown,
                                                             const std::function<Result<Grammar>()>& compile) {
  return impl_->engine.bind(key, shown, compile);
}

Result<Done> EngineLoop::load_adapter(const Adapter& adapter) {
  auto promise = std::make_shared<std::promise<Result<Done>>>();
  auto result = promise->get_future();
  const bool posted = impl_->post([impl = impl_.get(), promise, &adapter] { promise->set_value(impl->engine.load_adapter(adapter)); });
  if (!posted) return error("engine: it is closing and loads no adapter");
  return result.get();
}

std::vector<std::string> EngineLoop::adapters() const { return impl_->engine.adapters(); }

}  // namespace hearth
