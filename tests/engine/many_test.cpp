// Many requests at once: the same answers whoever the neighbours are, shared pages, preemption, cancelling, turns, failures.
#include "tests/engine/many.h"

#include <algorithm>
#include <set>

namespace hearth {
namespace {

std::vector<Request> random_requests(uint32_t seed, int count) {
  std::mt19937 random(seed);
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) {
    // few beginnings, so that many share one
    std::vector<int32_t> prompt = counted_ids(random() % 60, 10 + random() % 3);
    for (uint32_t n = 1 + random() % 40; n > 0; --n) prompt.push_back(static_cast<int32_t>(3 + random() % 2000));
    Request request = asking(std::move(prompt), static_cast<int64_t>(random() % 40), random() % 3 == 0 ? 0 : random() % 1000 + 1);
    request.client = std::string(1, static_cast<char>('a' + random() % 3));
    request.keeps_cache = random() % 5 != 0;
    request.choices = random() % 4 == 0 ? 3 : 1;
    if (random() % 5 == 0) request.sampler.repetition_penalty = 1.2f;
    if (random() % 7 == 0) request.top_logprobs = 2;
    if (random() % 9 == 0) request.prompt_logprobs = true;
    requests.push_back(request);
  }
  return requests;
}

void expect_same(const Told& got, const Told& want, int request) {
  EXPECT_EQ(got.ids, want.ids) << "request " << request;
  EXPECT_EQ(got.text, want.text) << "request " << request;
  EXPECT_EQ(got.finish, want.finish) << "request " << request << ": " << got.error;
  EXPECT_EQ(got.finishes, 1);
  EXPECT_EQ(got.after, 0);
  ASSERT_EQ(got.logprobs.size(), want.logprobs.size());
  for (size_t i = 0; i < got.logprobs.size(); ++i) EXPECT_EQ(got.logprobs[i].chosen.logprob, want.logprobs[i].chosen.logprob);
  ASSERT_EQ(got.prompt_logprobs.size(), want.prompt_logprobs.size());
}

// The answers of each choice, computed alone on an engine without a cache.
std::vector<std::vector<Told>> alone(const std::vector<Request>& requests, const FakeModel& model) {
  std::vector<std::vector<Told>> answers;
  Many many = Many::open(model, {.prefix_cache = false});
  for (const Request& request : requests) {
    answers.emplace_back();
    for (int choice = 0; choice < request.choices; ++choice) {
      Request one = request;
      one.choices = 1;
      one.sampler.seed += static_cast<uint64_t>(choice);
      answers.back().push_back(many.say(one));
    }
  }
  return answers;
}

void expect_nothing_is_held(Many& many) {
  many.engine.forget_prefixes();
  EXPECT_EQ(many.engine.stats().pages_used, 0);
  EXPECT_EQ(many.engine.stats().prefix.pages, 0);
  EXPECT_EQ(many.engine.stats().running, 0);
  EXPECT_EQ(many.engine.stats().waiting, 0);
}

TEST(Many, answers_the_same_whoever_the_neighbours_are) {
  struct Case {
    int64_t chunk, pages, sequences;
    bool cache;
  };
  const std::vector<Request> requests = random_requests(5, 40);
  const auto want = alone(requests, noise());
  int64_t preempted = 0;
  for (const Case& way : {Case{128, 400, 64, true}, Case{128, 400, 64, false}, Case{7, 40, 5, true}, Case{64, 24, 64, true},
                          Case{20, 12, 4, true}, Case{33, 16, 64, false}}) {
    Many many = Many::open(noise(), {.chunk = way.chunk, .pages = way.pages, .sequences = way.sequences, .prefix_cache = way.cache});
    std::vector<Choices> told;
    std::mt19937 random(static_cast<uint32_t>(way.pages));
    for (const Request& request : requests) {
      told.push_back(many.submit(request));
      for (uint32_t steps = random() % 4; steps > 0; --steps) many.engine.step();
    }
    many.finish();
    for (size_t i = 0; i < requests.size(); ++i) {
      for (size_t choice = 0; choice < told[i]->size(); ++choice) {
        expect_same(told[i]->at(choice), want[i][choice], static_cast<int>(i));
      }
    }
    preempted += many.engine.stats().preempted;
    expect_nothing_is_held(many);
  }
  EXPECT_GT(preempted, 10);
}

TEST(Many, a_long_prompt_never_stalls_an_answer) {
  Many many = Many::open(noise(), {.chunk = 64, .pages = 300});
  const Choices first = many.submit(asking(counted_ids(10), 60));
  for (int i = 0; i < 3; ++i) many.engine.step();
  const Choices second = many.submit(asking(counted_ids(900, 77), 5));
  for (size_t had = first->front().ids.size(); first->front().finishes == 0; had = first->front().ids.size()) {
    many.engine.step();
    EXPECT_EQ(first->front().ids.size(), had + 1);
  }
  many.finish();
  EXPECT_EQ(second->front().ids.size(), 5u);
}

TEST(Many, equal_prompts_at_once_are_computed_once) {
  Many many = Many::open(noise(), {.chunk = 64, .pages = 200});
  std::vector<Choices> told;
  for (int i = 0; i < 6; ++i) told.push_back(many.submit(asking(counted_ids(200), 4)));
  many.finish();
  EXPECT_LT(many.engine.stats().prompt_tokens, 200 + 5 * 20);
  for (const Choices& one : told) EXPECT_EQ(one->front().ids, told[0]->front().ids);
  EXPECT_EQ(told[5]->front().timing.reused_tokens, 192);
}

TEST(Many, choices_share_the_prompt) {
  Many many = Many::open(noise(), {.pages = 100});
  Request request = asking(counted_ids(100), 20, 9);
  request.choices = 4;
  const Choices told = many.submit(request);
  many.finish();
  EXPECT_EQ(many.engine.stats().prompt_tokens, 100);
  std::set<std::vector<int32_t>> different;
  for (int choice = 0; choice < 4; ++choice) {
    Request one = asking(counted_ids(100), 20, 9 + static_cast<uint64_t>(choice));
    EXPECT_EQ(told->at(static_cast<size_t>(choice)).ids, many.say(one).ids);
    different.insert(told->at(static_cast<size_t>(choice)).ids);
  }
  EXPECT_EQ(different.size(), 4u);
  EXPECT_GT(many.device->copies, 0);
  expect_nothing_is_held(many);
}

TEST(Many, cancelled_requests_end_at_once_and_others_go_on) {
  std::mt19937 random(3);
  const std::vector<Request> requests = random_requests(11, 30);
  const auto want = alone(requests, noise());
  Many many = Many::open(noise(), {.chunk = 40, .pages = 30});
  std::vector<Choices> told;
  std::vector<RequestId> ids(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) told.push_back(many.submit(requests[i], &ids[i]));
  std::set<size_t> cancelled;
  while (!many.engine.idle()) {
    many.engine.step();
    const size_t victim = random() % 60;
    if (victim >= requests.size() || victim % 3 != 0) continue;
    cancelled.insert(victim);
    many.engine.cancel(ids[victim]);
    for (const Told& choice : *told[victim]) EXPECT_EQ(choice.finishes, 1);
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    for (size_t choice = 0; choice < told[i]->size(); ++choice) {
      const Told& got = told[i]->at(choice);
      EXPECT_EQ(got.finishes, 1);
      EXPECT_EQ(got.after, 0);
      EXPECT_TRUE(cancelled.contains(i) || got.ids == want[i][choice].ids) << i;
    }
  }
  expect_nothing_is_held(many);
}

TEST(Many, clients_take_turns) {
  Many many = Many::open(noise(), {.chunk = 16, .pages = 100, .sequences = 1});
  std::vector<std::string> order;
  const auto ask = [&](const std::string& client) {
    Request request = asking(counted_ids(10), 2);
    request.client = client;
    ASSERT_TRUE(many.engine.submit(request, [&order, client](const Event& event) {
      if (event.finish != Finish::none) order.push_back(client);
    }).ok());
  };
  for (int i = 0; i < 4; ++i) ask("greedy");
  ask("patient");
  ask("other");
  many.finish();
  EXPECT_EQ(order, (std::vector<std::string>{"greedy", "patient", "other", "greedy", "greedy", "greedy"}));
}

TEST(Many, a_full_queue_says_so) {
  Many many = Many::open(noise(), {.pages = 100, .waiting = 3});
  for (int i = 0; i < 3; ++i) many.submit(asking(counted_ids(10), 2));
  auto refused = many.engine.submit(asking(counted_ids(10), 2), nullptr);
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(Engine::is_full(refused.failure())) << refused.message();
  many.engine.step();
  EXPECT_TRUE(many.engine.submit(asking(counted_ids(10), 2), nullptr).ok());
  auto wrong = many.engine.submit(asking({}, 2), nullptr);
  EXPECT_FALSE(Engine::is_full(wrong.failure()));
  many.finish();
  expect_nothing_is_held(many);
}

TEST(Many, what_can_never_fit_fails_with_one_line) {
  Many many = Many::open(noise(), {.pages = 10});
  const Choices too_long = many.submit(asking(counted_ids(200), 2));
  const Choices grows = many.submit(asking(counted_ids(100), 200));
  const Choices fits = many.submit(asking(counted_ids(20, 33), 20));
  many.finish();
  EXPECT_EQ(too_long->front().finish, Finish::failed);
  EXPECT_NE(too_long->front().error.find("out of pages"), std::string::npos);
  EXPECT_EQ(grows->front().finish, Finish::failed);
  EXPECT_EQ(grows->front().ids.size(), 61u);
  EXPECT_EQ(fits->front().finish, Finish::length);
  expect_nothing_is_held(many);
}

TEST(Many, a_failing_device_ends_what_it_computed_and_the_engine_goes_on) {
  Many many = Many::open(noise(), {.chunk = 32, .pages = 200, .sequences = 3});
  std::vector<Choices> told;
  for (int i = 0; i < 5; ++i) told.push_back(many.submit(asking(counted_ids(40, 100 * i), 10)));
  for (int i = 0; i < 6; ++i) many.engine.step();
  many.device->failing = true;
  many.engine.step();
  many.device->failing = false;
  many.finish();
  int failed = 0;
  for (const Choices& one : told) {
    EXPECT_EQ(one->front().finishes, 1);
    EXPECT_EQ(one->front().error, one->front().finish == Finish::failed ? "fake: the device is gone" : "");
    failed += one->front().finish == Finish::failed;
  }
  EXPECT_GE(failed, 1);
  EXPECT_LE(failed, 3);
  EXPECT_EQ(told[4]->front().ids.size(), 10u);
  EXPECT_EQ(many.say(asking(counted_ids(40), 10)).ids, Many::open(noise()).say(asking(counted_ids(40), 10)).ids);
  expect_nothing_is_held(many);
}

TEST(Many, an_engine_that_goes_ends_what_it_has) {
  auto told = std::make_shared<std::vector<Told>>(2);
  {
    Many many = Many::open(noise(), {.pages = 100});
    Request request = asking(counted_ids(30), 50);
    request.choices = 2;
    ASSERT_TRUE(many.engine.submit(request, collect(told)).ok());
    many.engine.step();
    many.engine.step();
  }
  for (const Told& choice : *told) {
    EXPECT_EQ(choice.finish, Finish::cancelled);
    EXPECT_EQ(choice.finishes, 1);
  }
}

TEST(Many, slides_beside_others_as_alone) {
  EngineOptions options{.context = 64, .chunk = 32, .pages = 40, .on_full = OnFull::slide};
  std::vector<Told> want;
  std::vector<Choices> told;
  Many many = Many::open(noise(), options);
  for (int i = 0; i < 8; ++i) {
    const Request request = asking(counted_ids(20 + 30 * i, 5), 150, static_cast<uint64_t>(i));
    EngineOptions single = options;
    single.prefix_cache = false;
    want.push_back(Many::open(noise(), single).say(request));
    told.push_back(many.submit(request));
  }
  many.finish();
  for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i]->front().ids, want[i].ids) << i;
  expect_nothing_is_held(many);
}

TEST(Many, log_probabilities_are_of_the_models_own_distribution) {
  Many many = Many::open(noise(), {.chunk = 20, .pages = 100});
  Request request = asking(counted_ids(30), 5, 4);
  request.top_logprobs = 3;
  request.prompt_logprobs = true;
  const Told told = many.say(request);
  ASSERT_EQ(told.prompt_logprobs.size(), 29u);
  ASSERT_EQ(told.logprobs.size(), 5u);
  std::vector<int32_t> ids = request.prompt;
  ids.insert(ids.end(), told.ids.begin(), told.ids.end());
  std::vector<float> logits(kFakeVocabulary);
  for (size_t i = 1; i < ids.size(); ++i) {
    const LogprobEntry& entry = i < 30 ? told.prompt_logprobs[i - 1] : told.logprobs[i - 30];
    noise()(std::span(ids).first(i), logits);
    long double total = 0;
    for (const float logit : logits) total += std::exp(static_cast<long double>(logit));
    EXPECT_EQ(entry.chosen.id, ids[i]);
    EXPECT_NEAR(entry.chosen.logprob, static_cast<double>(logits[static_cast<size_t>(ids[i])] - std::log(total)), 1e-5);
    ASSERT_EQ(entry.top.size(), 3u);
    EXPECT_EQ(entry.top[0].id, std::max_element(logits.begin(), logits.end()) - logits.begin());
    EXPECT_GE(entry.top[0].logprob, entry.top[1].logprob);
    EXPECT_GE(entry.top[1].logprob, entry.top[2].logprob);
  }
}

}  // namespace
}  // namespace hearth
