// Every family against logits and greedy ids of Hugging Face transformers.
#include "baking.h"

namespace hearth::test {
namespace {

constexpr float kTolerance = 2e-3f;   // and this part of the logits' range
constexpr float kSureMargin = 1e-2f;  // of the best logit over the second

void expect_close(std::span<const float> got, std::span<const float> want, const std::string& what) {
  EXPECT_LE(largest_difference(got, want), kTolerance + kTolerance * range_of(want)) << what;
}

void expect_golden(const std::string& name) {
  const Scratch scratch;
  Engine engine = engine_of(baked(scratch, fixture(name), "none"));
  const Json golden = json_at(fixture(name) + "/golden.json");
  const auto truth = golden_tensors(fixture(name));
  const std::vector<int32_t> prompt = golden["prompt_ids"], all = golden["long_ids"], greedy = golden["greedy_ids"];
  const std::vector<float> margins = golden["greedy_margin"];

  expect_close(logits_of(engine, prompt), truth.at("prompt_logits"), "prompt");
  const std::vector<float> rows = logits_of(engine, all);
  const auto row = [&](size_t position) { return std::span<const float>(rows).subspan(position * 512, 512); };
  expect_close(row(49), truth.at("long_mid_logits"), "position 49");
  expect_close(row(99), truth.at("long_last_logits"), "position 99");
  const std::vector<int32_t> ids = greedy_of(engine, prompt, static_cast<int64_t>(greedy.size()));
  ASSERT_EQ(ids.size(), greedy.size());
  for (size_t i = 0; i < ids.size() && margins[i] > kSureMargin; ++i) EXPECT_EQ(ids[i], greedy[i]) << "token " << i;
}

TEST(Golden, llama) { expect_golden("llama"); }
TEST(Golden, llama3) { expect_golden("llama3"); }
TEST(Golden, mistral) { expect_golden("mistral"); }
TEST(Golden, qwen2) { expect_golden("qwen2"); }
TEST(Golden, qwen3) { expect_golden("qwen3"); }

// What was computed says too little if it could be anything.
TEST(Golden, MistralNeedsItsWindow) {
  const Scratch scratch;
  const auto checkpoint = open_checkpoint(fixture("mistral"));
  ASSERT_TRUE(checkpoint.ok());
  Json config = checkpoint->config;
  config["sliding_window"] = nullptr;
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : checkpoint->tensors)
    tensors.push_back({name, "BF16", tensor.shape, std::string(as_text(tensor.bytes))});
  write_folder(scratch.path("wide"), config, tensors);
  Engine engine = engine_of(baked(scratch, scratch.path("wide"), "none"));
  const auto truth = golden_tensors(fixture("mistral"));
  const std::vector<float> rows = logits_of(engine, json_at(fixture("mistral") + "/golden.json")["long_ids"]);
  EXPECT_GT(largest_difference(std::span<const float>(rows).last(512), truth.at("long_last_logits")), 0.1f);
}

}  // namespace
}  // namespace hearth::test
