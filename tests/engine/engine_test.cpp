// The engine on a fake device: chunks, reuse, limits, stops, ends, cancelling, logits.
#include "engine/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "tests/engine/fake_model.h"

namespace hearth {
namespace {

struct Said {
  std::vector<int32_t> ids;
  std::string text;
  Finish finish = Finish::none;
  Timing timing;
  std::string error;
};

struct Fake {
  std::shared_ptr<FakeDevice> device;
  Engine engine;

  static Fake open(FakeModel model, EngineOptions options = {}, Interface interface = fake_interface(), bool tokenizer = true) {
    const std::string path = temporary("engine.hearth");
    auto artifact = fake_artifact(interface, path, tokenizer);
    std::filesystem::remove(path);
    EXPECT_TRUE(artifact.ok()) << (artifact.ok() ? "" : artifact.message());
    auto device = std::make_shared<FakeDevice>(std::move(model));
    auto engine = Engine::open(*artifact, device, options);
    EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.message());
    return {device, *engine};
  }

  Said say(const Request& request, const std::atomic<bool>* cancel = nullptr) {
    Said said;
    auto timing = engine.generate(request, [&](const Event& event) {
      said.ids.insert(said.ids.end(), event.ids.begin(), event.ids.end());
      said.text += event.text;
      said.finish = event.finish;
    }, cancel);
    if (timing.ok()) said.timing = *timing;
    if (!timing.ok()) said.error = timing.message();
    return said;
  }
};

Request ask(std::vector<int32_t> prompt, int64_t max_new = 8) {
  Request request;
  request.prompt = std::move(prompt);
  request.max_new = max_new;
  request.sampler.temperature = 0;
  return request;
}

std::vector<int32_t> counted(int64_t count) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(10 + i * 7 % 5000));
  return ids;
}

TEST(Engine, answers_the_same_whatever_the_chunk) {
  Request request = ask(counted(300), 40);
  request.sampler.temperature = 1;
  request.sampler.seed = 7;
  std::vector<int32_t> first;
  for (int64_t chunk : {1, 3, 16, 100, 128, 1000}) {
    Fake fake = Fake::open(noise(), {.chunk = chunk});
    const Said said = fake.say(request);
    EXPECT_EQ(said.error, "");
    EXPECT_EQ(said.ids.size(), 40u);
    if (first.empty()) first = said.ids;
    EXPECT_EQ(said.ids, first) << "chunk " << chunk;
    EXPECT_EQ(fake.device->steps[0], std::min<int64_t>(chunk, 128));
    EXPECT_EQ(fake.device->steps.size(), (300 + std::min<int64_t>(chunk, 128) - 1) / std::min<int64_t>(chunk, 128) + 39);
  }
}

TEST(Engine, asks_for_logits_of_the_last_row_only) {
  Fake fake = Fake::open(noise(), {.chunk = 100});
  fake.say(ask(counted(250), 3));
  EXPECT_EQ(fake.device->rows_asked, (std::vector<int64_t>{0, 0, 1, 1, 1}));
}

TEST(Engine, computes_only_what_is_new_and_answers_as_if_fresh) {
  Fake fake = Fake::open(noise()), fresh = Fake::open(noise());
  Request first = ask(counted(50), 10);
  const Said one = fake.say(first);
  std::vector<int32_t> longer = first.prompt;
  longer.insert(longer.end(), one.ids.begin(), one.ids.end());
  longer.push_back(77);
  const Said two = fake.say(ask(longer, 10));
  EXPECT_EQ(two.timing.reused_tokens, 59);             // the last sampled id has never been a row
  EXPECT_EQ(two.ids, fresh.say(ask(longer, 10)).ids);
  // a prompt that goes another way reuses the common part; the same prompt again recomputes its last row
  longer[20] = 9;
  const Said three = fake.say(ask(longer, 10));
  EXPECT_EQ(three.timing.reused_tokens, 20);
  EXPECT_EQ(fake.say(ask(longer, 10)).ids, three.ids);
  fake.engine.reset();
  EXPECT_EQ(fake.say(ask(longer, 10)).timing.reused_tokens, 0);
}

TEST(Engine, ends_at_an_end_id_unless_told_to_go_on) {
  Fake fake = Fake::open(reciting({300, 301, 2}, 5));
  Said said = fake.say(ask(counted(5), -1));
  EXPECT_EQ(said.finish, Finish::end);
  EXPECT_EQ(said.ids, (std::vector<int32_t>{300, 301}));
  Request request = ask(counted(5), 7);
  request.ignore_end = true;
  said = fake.say(request);
  EXPECT_EQ(said.finish, Finish::length);
  EXPECT_EQ(said.ids, (std::vector<int32_t>{300, 301, 2, 300, 301, 2, 300}));
}

TEST(Engine, computes_the_prompt_only_when_nothing_is_wanted) {
  Fake fake = Fake::open(noise());
  const Said said = fake.say(ask(counted(20), 0));
  EXPECT_EQ(said.finish, Finish::length);
  EXPECT_TRUE(said.ids.empty());
  EXPECT_EQ(fake.device->steps, (std::vector<int64_t>{20}));
}

TEST(Engine, finds_stop_strings_across_tokens_and_never_shows_them) {
  Fake plain = Fake::open(noise());
  const std::vector<int32_t> words = plain.engine.tokenizer().encode("The fox ran home. The end of the tale.");
  ASSERT_GT(words.size(), 6u);
  Fake fake = Fake::open(reciting(words, 5));
  Request request = ask(counted(5), static_cast<int64_t>(words.size()));
  const std::string whole = fake.say(request).text;
  EXPECT_EQ(whole, "The fox ran home. The end of the tale.");
  request.stop = {"end of", "never said", "ome. The e"};
  const Said said = fake.say(request);
  EXPECT_EQ(said.finish, Finish::stop);
  EXPECT_EQ(said.text, "The fox ran h");
  request.stop = {"tale. And then"};                    // begins at the end, never completes: is shown after all
  EXPECT_EQ(fake.say(request).text, whole);
}

TEST(Engine, says_when_the_context_is_full) {
  Fake fake = Fake::open(noise(), {.context = 64});
  Said said = fake.say(ask(counted(65)));
  EXPECT_NE(said.error.find("65 tokens, 64 fit"), std::string::npos) << said.error;
  EXPECT_NE(said.error.find("--context-shift"), std::string::npos);
  said = fake.say(ask(counted(60), -1));
  EXPECT_NE(said.error.find("context is full"), std::string::npos) << said.error;
  EXPECT_EQ(said.ids.size(), 5u);                       // 64 rows give a token after each of the last five
  EXPECT_EQ(said.finish, Finish::length);
  EXPECT_EQ(fake.say(ask(counted(60), 5)).error, "");
}

TEST(Engine, slides_when_asked_to) {
  Fake fake = Fake::open(noise(), {.context = 64, .on_full = OnFull::slide});
  Request request = ask(counted(60), 100);
  request.ignore_end = true;
  const Said said = fake.say(request);
  EXPECT_EQ(said.error, "");
  EXPECT_EQ(said.ids.size(), 100u);
  EXPECT_EQ(fake.say(request).ids, said.ids);
  Request long_prompt = ask(counted(500), 4);
  long_prompt.ignore_end = true;
  EXPECT_EQ(fake.say(long_prompt).ids.size(), 4u);
}

TEST(Engine, stops_when_cancelled_and_goes_on_after) {
  Fake fake = Fake::open(noise());
  std::atomic<bool> cancel = false;
  int64_t seen = 0;
  Request request = ask(counted(10), 100);
  request.ignore_end = true;
  Finish finish = Finish::none;
  auto timing = fake.engine.generate(request, [&](const Event& event) {
    seen += static_cast<int64_t>(event.ids.size());
    finish = event.finish;
    if (seen == 5) cancel = true;
  }, &cancel);
  ASSERT_TRUE(timing.ok());
  EXPECT_EQ(seen, 5);
  EXPECT_EQ(finish, Finish::cancelled);
  EXPECT_EQ(fake.say(request).ids.size(), 100u);
}

TEST(Engine, forgets_its_pages_when_the_device_fails) {
  Fake fake = Fake::open(noise());
  fake.say(ask(counted(30)));
  fake.device->failing = true;
  EXPECT_EQ(fake.say(ask(counted(40))).error, "fake: the device is gone");
  fake.device->failing = false;
  EXPECT_EQ(fake.say(ask(counted(40))).timing.reused_tokens, 0);
}

TEST(Engine, names_ids_outside_the_vocabulary) {
  Fake fake = Fake::open(noise());
  EXPECT_NE(fake.say(ask({1, 8192})).error.find("id 8192 at position 1"), std::string::npos);
  EXPECT_NE(fake.say(ask({-1})).error.find("id -1"), std::string::npos);
  EXPECT_NE(fake.say(ask({})).error.find("empty"), std::string::npos);
}

TEST(Engine, gives_logits_of_every_row_within_the_bound) {
  Fake fake = Fake::open(noise());
  const std::vector<int32_t> ids = counted(50);
  std::vector<float> all;
  auto done = fake.engine.logits(ids, [&](int64_t first, std::span<const float> rows) {
    EXPECT_EQ(first * kFakeVocabulary, static_cast<int64_t>(all.size()));
    all.insert(all.end(), rows.begin(), rows.end());
  });
  ASSERT_TRUE(done.ok());
  ASSERT_EQ(all.size(), 50u * kFakeVocabulary);
  for (int64_t steps : fake.device->rows_asked) EXPECT_LE(steps, 16);
  std::vector<float> want(kFakeVocabulary);
  noise()(std::span(ids).first(33), want);
  EXPECT_TRUE(std::equal(want.begin(), want.end(), all.begin() + 32 * kFakeVocabulary));

  double sum = 0;                                       // the slow truth
  for (size_t row = 0; row + 1 < ids.size(); ++row) {
    long double total = 0;
    for (int64_t i = 0; i < kFakeVocabulary; ++i) total += std::exp(static_cast<long double>(all[row * kFakeVocabulary + i]));
    sum += static_cast<double>(std::log(total) - all[row * kFakeVocabulary + ids[row + 1]]);
  }
  auto nll = fake.engine.negative_log_likelihood(ids);
  ASSERT_TRUE(nll.ok());
  EXPECT_NEAR(*nll, sum, 1e-6);
}

TEST(Engine, computes_on_ids_without_a_tokenizer) {
  Fake fake = Fake::open(noise(), {}, fake_interface(), false);
  EXPECT_FALSE(fake.engine.has_tokenizer());
  const Said said = fake.say(ask(counted(10), 4));
  EXPECT_EQ(said.ids.size(), 4u);
  EXPECT_EQ(said.text, "");
}

TEST(Engine, refuses_options_and_artifacts_that_do_not_fit) {
  const std::string path = temporary("refused.hearth");
  auto artifact = fake_artifact(fake_interface(), path);
  ASSERT_TRUE(artifact.ok());
  auto device = std::make_shared<FakeDevice>(noise());
  const auto refusal = [&](EngineOptions options) {
    auto engine = Engine::open(*artifact, device, options);
    return engine.ok() ? "" : engine.message();
  };
  EXPECT_EQ(refusal({}), "");
  EXPECT_NE(refusal({.context = 5000}).find("at most 1024"), std::string::npos);
  EXPECT_NE(refusal({.chunk = 0}).find("chunk is 0"), std::string::npos);
  Interface other = fake_interface();
  other.buffers[5].name = "scores";
  auto no_logits = fake_artifact(other, path);
  ASSERT_TRUE(no_logits.ok());
  auto engine = Engine::open(*no_logits, device, {});
  ASSERT_FALSE(engine.ok());
  EXPECT_NE(engine.message().find("no buffer 'logits'"), std::string::npos);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hearth
