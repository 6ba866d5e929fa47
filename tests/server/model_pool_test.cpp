// The pool: loads on demand, unloads when idle, keeps to its memory, says what it cannot do.
#include "server/model_pool.h"

#include <atomic>
#include <future>

#include "tests/server/fake_server.h"

namespace hearth {
namespace {

constexpr uint64_t kMiB = 1 << 20;

ApiResult<Chosen> choose(ModelPool& pool, const std::string& name) {
  std::promise<ApiResult<Chosen>> promise;
  auto chosen = promise.get_future();
  pool.choose(name, [&](ApiResult<Chosen> result) { promise.set_value(std::move(result)); });
  return chosen.get();
}

ModelState state(const ModelPool& pool, size_t index) { return pool.status()[index].state; }

struct Loads {
  std::atomic<int> count = 0;
  LoadModel load = [this](const std::string& id, std::shared_ptr<Turn>) -> Result<std::unique_ptr<ServedModel>> {
    ++count;
    return fake_model(id, counting(5));
  };
};

uint64_t fake_bytes() {
  const auto model = fake_model("probe", counting(5));
  return model->weight_bytes + model->loop->stats().memory_bytes;
}

TEST(ModelPool, loads_on_demand_and_by_every_name) {
  Loads loads;
  ModelPool pool({.models = {{.id = "a", .adapters = {"poet", "both"}}, {.id = "b", .adapters = {"both"}}}}, loads.load);
  EXPECT_EQ(state(pool, 0), ModelState::unloaded);
  EXPECT_EQ(choose(pool, "")->model->id, "a");
  EXPECT_EQ(choose(pool, "a")->adapter, "");
  EXPECT_EQ(choose(pool, "a:poet")->adapter, "poet");
  EXPECT_EQ(choose(pool, "poet")->adapter, "poet");
  EXPECT_EQ(choose(pool, "b:both")->model->id, "b");
  EXPECT_EQ(loads.count, 2);
  EXPECT_EQ(state(pool, 1), ModelState::ready);
  EXPECT_TRUE(pool.knows("b"));
  for (const char* unknown : {"c", "both", "a:", "b:poet"}) {
    const auto refused = choose(pool, unknown);
    ASSERT_FALSE(refused.ok()) << unknown;
    EXPECT_EQ(refused.failure().status, 404);
    EXPECT_EQ(refused.failure().code, "model_not_found");
    EXPECT_NE(refused.failure().message.find("a, a:poet, a:both, b, b:both"), std::string::npos);
    EXPECT_FALSE(pool.knows(unknown));
  }
}

TEST(ModelPool, many_that_wait_get_one_load) {
  std::promise<void> go;
  auto may = go.get_future().share();
  std::atomic<int> loads = 0, came = 0;
  ModelPool pool({.models = {{.id = "a"}}}, [&](const std::string& id, std::shared_ptr<Turn>) {
    ++loads;
    may.wait();
    return Result<std::unique_ptr<ServedModel>>(fake_model(id, counting(5)));
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) pool.choose("a", [&](ApiResult<Chosen> chosen) { came += chosen.ok() ? 1 : 0; });
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(came, 0);
  EXPECT_EQ(state(pool, 0), ModelState::loading);
  go.set_value();
  EXPECT_TRUE(soon([&] { return came == 80; }));
  EXPECT_EQ(loads, 1);
}

TEST(ModelPool, a_load_that_fails_is_told_and_tried_again) {
  std::atomic<int> loads = 0;
  ModelPool pool({.models = {{.id = "a"}}},
                 [&](const std::string& id, std::shared_ptr<Turn>) -> Result<std::unique_ptr<ServedModel>> {
                   if (++loads == 1) return error("the file is gone");
                   return fake_model(id, counting(5));
                 });
  const auto failed = choose(pool, "a");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.failure().status, 500);
  EXPECT_EQ(failed.failure().message, "model 'a': the file is gone");
  EXPECT_EQ(state(pool, 0), ModelState::failed);
  EXPECT_EQ(pool.status()[0].failure, failed.failure().message);
  EXPECT_TRUE(choose(pool, "a").ok());
  EXPECT_EQ(state(pool, 0), ModelState::ready);
}

TEST(ModelPool, unloads_what_is_idle_but_never_what_is_used) {
  Loads loads;
  ModelPool pool({.models = {{.id = "a"}}, .idle_time = std::chrono::seconds(1)}, loads.load);
  {
    const auto held = choose(pool, "a");
    std::this_thread::sleep_for(Milliseconds(2500));
    EXPECT_EQ(state(pool, 0), ModelState::ready);
  }
  EXPECT_TRUE(soon([&] { return state(pool, 0) == ModelState::unloaded; }, Milliseconds(5000)));
  EXPECT_TRUE(choose(pool, "a").ok());
  EXPECT_EQ(loads.count, 2);
}

TEST(ModelPool, makes_room_within_its_memory) {
  Loads loads;
  const uint64_t one = fake_bytes();
  ModelPool pool({.models = {{.id = "a"}, {.id = "b"}, {.id = "c"}}, .memory_bytes = 2 * one + one / 2}, loads.load);
  EXPECT_TRUE(choose(pool, "a").ok());
  EXPECT_TRUE(choose(pool, "b").ok());
  EXPECT_TRUE(choose(pool, "a").ok());          // b is the one used longest ago
  EXPECT_TRUE(soon([&] { return choose(pool, "c").ok() && state(pool, 1) == ModelState::unloaded; }));
  EXPECT_EQ(state(pool, 0), ModelState::ready);
  EXPECT_EQ(state(pool, 2), ModelState::ready);
  const auto a = choose(pool, "a"), c = choose(pool, "c");
  const auto refused = choose(pool, "b");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.failure().status, 503);
  EXPECT_EQ(refused.failure().retry_after_s, 5);
  EXPECT_NE(refused.failure().message.find("in use"), std::string::npos) << refused.failure().message;
  EXPECT_EQ(state(pool, 1), ModelState::unloaded);
}

TEST(ModelPool, a_model_larger_than_the_memory_is_refused) {
  Loads loads;
  ModelPool pool({.models = {{.id = "a"}}, .memory_bytes = kMiB / 2}, loads.load);
  for (int i = 0; i < 2; ++i) {
    const auto refused = choose(pool, "a");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.failure().status, 503);
    EXPECT_EQ(refused.failure().retry_after_s, 0);
  }
  EXPECT_EQ(loads.count, 1);                    // by then it is known what it needs
}

TEST(ModelPool, its_end_answers_those_who_wait) {
  std::promise<void> go;
  auto may = go.get_future().share();
  std::vector<int> statuses;
  {
    ModelPool pool({.models = {{.id = "a"}, {.id = "b"}}}, [&](const std::string& id, std::shared_ptr<Turn>) {
      may.wait();
      return Result<std::unique_ptr<ServedModel>>(fake_model(id, counting(5)));
    });
    for (const char* id : {"a", "b"})
      pool.choose(id, [&](ApiResult<Chosen> chosen) { statuses.push_back(chosen.ok() ? 200 : chosen.failure().status); });
    std::this_thread::sleep_for(Milliseconds(20));
    std::thread([&] {
      std::this_thread::sleep_for(Milliseconds(20));
      go.set_value();
    }).detach();
  }
  EXPECT_EQ(statuses, (std::vector<int>{200, 503}));
}

}  // namespace
}  // namespace hearth
