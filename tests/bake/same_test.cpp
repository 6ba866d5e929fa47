// One answer whatever the threads and the chunks: bit for bit.
#include "baking.h"

namespace hearth::test {
namespace {

constexpr const char* kQuants[] = {"none", "q8_0", "q4_0"};

TEST(Same, AtAnyThreadCountAndChunk) {
  const Scratch scratch;
  const std::vector<int32_t> ids = json_at(fixture("mistral") + "/golden.json")["long_ids"];
  for (const char* quant : kQuants) {
    const Artifact artifact = baked(scratch, fixture("mistral"), quant);
    const std::vector<float> truth = last_logits_of(artifact, ids, {.threads = 1, .chunk = 1});
    ASSERT_EQ(truth.size(), 512u);
    for (int threads : {1, 2, 4})
      for (int64_t chunk : {1, 7, 64, 256})
        EXPECT_EQ(bits_differ(last_logits_of(artifact, ids, {threads, chunk}), truth), "")
            << quant << ", " << threads << " threads, chunks of " << chunk;
  }
}

TEST(Same, EveryRowOfALogitsCall) {
  const Scratch scratch;
  const std::vector<int32_t> ids = json_at(fixture("qwen3") + "/golden.json")["long_ids"];
  const Artifact artifact = baked(scratch, fixture("qwen3"), "q8_0");
  Engine one = engine_of(artifact, {.threads = 1, .chunk = 1});
  const std::vector<float> truth = logits_of(one, ids);
  for (int64_t chunk : {7, 64, 256}) {
    Engine engine = engine_of(artifact, {.threads = 3, .chunk = chunk});
    EXPECT_EQ(bits_differ(logits_of(engine, ids), truth), "") << "chunks of " << chunk;
  }
}

// Beyond 512 positions attention goes part by part in short steps and by tiles in long ones.
TEST(Same, AcrossPartsOfLongSequences) {
  const std::vector<int32_t> all = json_at(HEARTH_ROOT "/tests/fixtures/ember/golden.json")["perplexity"]["ids"];
  const std::span<const int32_t> ids(all.data(), 1000);
  for (const char* kv : {"f16", "q8_0"}) {
    const Scratch scratch;
    const Artifact artifact = baked(scratch, ember(), "q8_0", "native", kv);
    const auto sum = [&](const Steps& steps) { return engine_of(artifact, steps).negative_log_likelihood(ids); };
    const auto truth = sum({.threads = 1, .chunk = 64});
    ASSERT_TRUE(truth.ok()) << truth.message();
    for (int64_t chunk : {1, 6, 8, 9, 35}) {
      const auto got = sum({.threads = 3, .chunk = chunk});
      ASSERT_TRUE(got.ok()) << got.message();
      EXPECT_EQ(*got, *truth) << kv << ", chunks of " << chunk;
    }
  }
}

TEST(Same, SeedAndPromptGiveTheSameIds) {
  const Scratch scratch;
  const Artifact artifact = baked(scratch, fixture("qwen2"), "q4_0");
  const std::vector<int32_t> prompt = json_at(fixture("qwen2") + "/golden.json")["prompt_ids"];
  const auto sampled = [&](uint64_t seed, const Steps& steps) {
    Engine engine = engine_of(artifact, steps);
    Request request{.prompt = prompt, .max_new = 40, .ignore_end = true};
    request.sampler.temperature = 1;
    request.sampler.seed = seed;
    std::vector<int32_t> ids;
    EXPECT_TRUE(
        engine.generate(request, [&](const Event& e) { ids.insert(ids.end(), e.ids.begin(), e.ids.end()); }).ok());
    return ids;
  };
  const std::vector<int32_t> truth = sampled(5, {.threads = 1, .chunk = 1});
  ASSERT_EQ(truth.size(), 40u);
  for (int threads : {1, 2, 4})
    for (int64_t chunk : {1, 7, 64, 256})
      EXPECT_EQ(sampled(5, {threads, chunk}), truth) << threads << " threads, chunk " << chunk;
  EXPECT_NE(sampled(6, {}), truth);
}

}  // namespace
}  // namespace hearth::test
