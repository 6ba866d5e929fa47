// Speculation: answers stay the same whatever a drafter says, drafts pay or stop, and what n-grams find.
#include "engine/draft.h"

#include "tests/engine/many.h"

namespace hearth {
namespace {

// Says what `truth` would say most likely, but lies now and then.
class Liar : public Drafter {
 public:
  Liar(FakeModel truth, uint32_t lies_in_8) : truth_(std::move(truth)), lies_(lies_in_8), random_(lies_in_8) {}
  Result<Done> propose(std::span<DraftJob> jobs) override {
    std::vector<float> logits(kFakeVocabulary);
    for (DraftJob& job : jobs) {
      std::vector<int32_t> ids(job.ids.begin(), job.ids.end());
      for (int i = 0; i < job.most; ++i) {
        std::fill(logits.begin(), logits.end(), 0.0f);
        truth_(ids, logits);
        const auto best = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
        ids.push_back(random_() % 8 < lies_ ? static_cast<int32_t>(random_() % 9000) - 100 : best);
        job.draft.push_back(ids.back());
      }
      ++jobs_seen;
    }
    return Done{};
  }
  void forget(uint64_t) override { ++forgotten; }

  int jobs_seen = 0, forgotten = 0;

 private:
  FakeModel truth_;
  uint32_t lies_;
  std::mt19937 random_;
};

// Noise that depends on the last id only: texts soon repeat themselves.
FakeModel forgetful() {
  return [](std::span<const int32_t> ids, std::span<float> logits) { noise()(ids.last(1), logits); };
}

TEST(Draft, answers_the_same_whatever_is_guessed) {
  for (const uint32_t lies : {0u, 3u, 8u}) {
    auto drafter = std::make_shared<Liar>(noise(), lies);
    Many many = Many::open(noise(), {.chunk = 32, .pages = 40, .sequences = 6, .draft_most = 5}, drafter);
    Many plain = Many::open(noise(), {.prefix_cache = false});
    std::vector<Request> requests;
    std::vector<Choices> told;
    for (int i = 0; i < 12; ++i) {
      requests.push_back(asking(counted_ids(5 + 9 * i, i % 3), 25 + i, static_cast<uint64_t>(i % 4)));
      requests.back().choices = i % 5 == 0 ? 2 : 1;
      requests.back().top_logprobs = i % 3 == 0 ? 1 : -1;
      told.push_back(many.submit(requests.back()));
    }
    many.finish();
    for (size_t i = 0; i < requests.size(); ++i) {
      const Told want = plain.say([&] { Request one = requests[i]; one.choices = 1; return one; }());
      EXPECT_EQ(told[i]->front().ids, want.ids) << "lies " << lies << ", request " << i;
      EXPECT_EQ(told[i]->front().logprobs.size(), want.logprobs.size());
    }
    EXPECT_GT(many.engine.stats().drafted_tokens, 0);
    EXPECT_EQ(drafter->forgotten, 12 + 3);
    if (lies == 0) {
      EXPECT_GT(many.engine.stats().accepted_tokens, many.engine.stats().drafted_tokens / 4);
    }
  }
}

TEST(Draft, right_guesses_save_steps) {
  Many many = Many::open(noise(), {.pages = 40, .draft_most = 4}, std::make_shared<Liar>(noise(), 0));
  const Told told = many.say(asking(counted_ids(10), 100));
  EXPECT_EQ(told.ids.size(), 100u);
  EXPECT_GT(told.timing.accepted_tokens, 0);
  EXPECT_EQ(many.engine.stats().steps + told.timing.accepted_tokens, 100);
}

TEST(Draft, prompt_lookup_follows_what_was_said_before) {
  Many many = Many::open(forgetful(), {.pages = 70, .speculation = Speculation::lookup});
  Many plain = Many::open(forgetful(), {.pages = 70});
  const Request request = asking(counted_ids(10), 900);
  const Told told = many.say(request);
  EXPECT_EQ(told.ids, plain.say(request).ids);
  EXPECT_GT(many.engine.stats().accepted_tokens, 0);
  EXPECT_LT(many.engine.stats().steps, plain.engine.stats().steps);
}

TEST(Draft, prompt_lookup_finds_the_longest_and_latest) {
  auto drafter = prompt_lookup(2, 3);
  const std::vector<int32_t> ids = {1, 2, 3, 70, 71, 9, 2, 3, 80, 81, 8, 1, 2, 3};
  DraftJob job{.sequence = 1, .ids = ids, .most = 2, .draft = {}};
  ASSERT_TRUE(drafter->propose({&job, 1}).ok());
  EXPECT_EQ(job.draft, (std::vector<int32_t>{70, 71}));
  job = {.sequence = 1, .ids = std::span(ids).first(8), .most = 9, .draft = {}};
  ASSERT_TRUE(drafter->propose({&job, 1}).ok());
  EXPECT_EQ(job.draft, (std::vector<int32_t>{70, 71, 9, 2, 3}));
  job = {.sequence = 1, .ids = std::span(ids).first(7), .most = 9, .draft = {}};
  ASSERT_TRUE(drafter->propose({&job, 1}).ok());
  EXPECT_TRUE(job.draft.empty());
}

TEST(Draft, lengths_follow_acceptance_and_cost) {
  const std::vector<double> cheap = {1, 1.02, 1.04, 1.06, 1.08}, dear = {1, 2, 3, 4, 5};
  DraftLength length(4);
  EXPECT_EQ(length.choose(cheap), 4);
  EXPECT_EQ(length.choose(dear), 0);
  for (int i = 0; i < 60; ++i) length.observe(4, 0);
  EXPECT_LT(length.acceptance(), 0.05);
  EXPECT_EQ(length.choose(cheap), 0);
  for (int i = 0; i < 60; ++i) length.observe(1, 1);
  EXPECT_EQ(length.choose(cheap), 4);
}

// Of 20000 steps, how many draft; a step with drafts gives so much for its time.
int64_t drafted_steps(DraftGate& gate, double gain, bool would_pay = true) {
  int64_t count = 0;
  for (int step = 0; step < 20000; ++step) {
    const DraftGate::Say say = gate.ask(would_pay);
    if (say == DraftGate::Say::no) continue;
    ++count;
    gate.observe(gain, 1);
  }
  return count;
}

TEST(Draft, is_tried_ever_more_seldom_where_it_does_not_pay) {
  for (const bool probes : {true, false}) {
    DraftGate bad(probes), good(probes), hopeless(probes);
    EXPECT_LE(drafted_steps(bad, 0.7), 140);
    EXPECT_GE(drafted_steps(bad, 0.7), 12);                  // but it is tried
    EXPECT_GE(drafted_steps(good, 1.3), 19000);
    EXPECT_LE(drafted_steps(hopeless, 1.3, false), 80);
    EXPECT_GE(drafted_steps(bad, 1.3), 10000);               // times change
  }
}

TEST(Draft, times_of_steps_are_interpolated) {
  StepTimes times;
  EXPECT_EQ(times.at(3), 0);
  times.observe(1, 10);
  EXPECT_EQ(times.at(8), 10);
  times.observe(5, 30);
  EXPECT_DOUBLE_EQ(times.at(3), 20);
  times.observe(64, 148);
  EXPECT_GT(times.at(40), times.at(20));
}

}  // namespace
}  // namespace hearth
