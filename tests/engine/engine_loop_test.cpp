// The engine on its own thread: requests from many threads, cancelling, closing while it works, engines that take turns.
#include "engine/engine_loop.h"

#include <condition_variable>
#include <thread>

#include "tests/engine/many.h"

namespace hearth {
namespace {

// Waits for the end of one choice.
class Waiter {
 public:
  OnEvent on_event() {
    return [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      told_.take(event);
      changed_.notify_all();
    };
  }
  Told wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return told_.finishes > 0; });
    return told_;
  }
  void wait_for_ids(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return told_.ids.size() >= count || told_.finishes > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Told told_;
};

TEST(EngineLoop, answers_requests_from_many_threads) {
  Many single = Many::open(noise());
  std::vector<Told> want;
  for (int i = 0; i < 6; ++i) want.push_back(single.say(asking(counted_ids(20, 10 * i), 12, static_cast<uint64_t>(i))));
  Many many = Many::open(noise(), {.chunk = 32, .pages = 60});
  EngineLoop loop(many.engine);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 6; ++i) {
        Waiter waiter;
        auto id = loop.submit(asking(counted_ids(20, 10 * i), 12, static_cast<uint64_t>(i)), waiter.on_event());
        ASSERT_TRUE(id.ok()) << id.message();
        const Told told = waiter.wait();
        EXPECT_EQ(told.ids, want[static_cast<size_t>(i)].ids);
        EXPECT_EQ(told.finishes, 1);
        (void)loop.stats();
        (void)loop.engine().context();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(loop.stats().requests, 24);
}

TEST(EngineLoop, cancels_at_once_and_refuses_what_is_wrong) {
  Many many = Many::open(noise(), {.pages = 70});
  EngineLoop loop(many.engine);
  EXPECT_FALSE(loop.submit(asking({}, 3), nullptr).ok());
  Waiter waiter;
  auto id = loop.submit(asking(counted_ids(20), 1000), waiter.on_event());
  ASSERT_TRUE(id.ok());
  waiter.wait_for_ids(3);
  loop.cancel(*id);
  loop.cancel(*id + 77);
  const Told told = waiter.wait();
  EXPECT_EQ(told.finish, Finish::cancelled);
  EXPECT_LT(told.ids.size(), 1000u);
}

TEST(EngineLoop, closing_ends_what_runs_and_waits) {
  Many many = Many::open(noise(), {.pages = 70, .sequences = 2});
  std::vector<std::unique_ptr<Waiter>> waiters;
  {
    EngineLoop loop(many.engine);
    for (int i = 0; i < 6; ++i) {
      waiters.push_back(std::make_unique<Waiter>());
      ASSERT_TRUE(loop.submit(asking(counted_ids(20, i), 900), waiters.back()->on_event()).ok());
    }
    waiters[0]->wait_for_ids(2);
  }
  for (auto& waiter : waiters) EXPECT_EQ(waiter->wait().finish, Finish::cancelled);
}

TEST(EngineLoop, engines_take_turns) {
  auto turn = std::make_shared<Turn>();
  Many first = Many::open(noise(), {.pages = 70}), second = Many::open(noise(), {.pages = 70});
  EngineLoop one(first.engine, turn), two(second.engine, turn);
  Waiter a, b;
  ASSERT_TRUE(one.submit(asking(counted_ids(10), 200), a.on_event()).ok());
  ASSERT_TRUE(two.submit(asking(counted_ids(10), 200), b.on_event()).ok());
  EXPECT_EQ(a.wait().ids, b.wait().ids);
}

TEST(EngineLoop, a_queue_is_full_whoever_asks) {
  Many many = Many::open(noise(), {.pages = 70, .sequences = 1, .waiting = 4});
  EngineLoop loop(many.engine);
  std::atomic<int> refused = 0, taken = 0;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (int i = 0; i < 40; ++i) {
    auto waiter = std::make_unique<Waiter>();
    auto id = loop.submit(asking(counted_ids(10), 300), waiter->on_event());
    if (id.ok()) {
      ++taken;
      waiters.push_back(std::move(waiter));
    } else {
      EXPECT_TRUE(Engine::is_full(id.failure()));
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GE(taken, 4);
  for (auto& waiter : waiters) EXPECT_EQ(waiter->wait().ids.size(), 300u);
}

TEST(EngineLoop, turns_go_in_the_order_of_asking) {
  Turn turn;
  std::vector<int> order;
  std::vector<std::thread> threads;
  turn.lock();
  for (int who = 0; who < 3; ++who) {
    threads.emplace_back([&, who] {
      for (int i = 0; i < 200; ++i) {
        const std::lock_guard lock(turn);
        order.push_back(who);
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));      // so that it waits
  }
  turn.unlock();
  for (std::thread& thread : threads) thread.join();
  int repeats = 0;                                       // who had it just before, while others waited
  for (size_t i = 1; i < 300; ++i) repeats += order[i] == order[i - 1];
  EXPECT_LT(repeats, 100);
  EXPECT_EQ(order.size(), 600u);
}

}  // namespace
}  // namespace hearth
