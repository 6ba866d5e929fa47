// Configs changed at random: a model or one line, whatever they say.
#include <cmath>
#include <random>

#include "ops/op.h"
#include "tests/models/configs.h"

namespace hearth {
namespace {

constexpr int kRounds = 6000;

Json random_value(std::mt19937& random) {
  static const std::vector<Json> kValues = {
      nullptr,
      true,
      false,
      0,
      1,
      -1,
      2,
      3,
      7,
      16,
      64,
      255,
      4096,
      65536,
      1 << 24,
      (1 << 24) + 1,
      INT64_MAX,
      INT64_MIN,
      UINT64_MAX,
      0.0,
      -0.0,
      0.5,
      1e-320,
      1e-45,
      1e-6,
      1e38,
      1e300,
      -1e300,
      INFINITY,
      -INFINITY,
      NAN,
      "",
      "64",
      "llama3",
      "linear",
      "default",
      "sliding_attention",
      "full_attention",
      "silu",
      "nonsense\n\x01",
      Json::array(),
      Json::array({1, 2}),
      Json::object(),
      Json{{"factor", 2}},
      Json{{"type", "linear"}, {"factor", 8}},
      Json::array({"full_attention", "sliding_attention", "full_attention", "sliding_attention"}),
      Json::array({1, 1, 1, 1, 1, 1, 1, 1})};
  return kValues[random() % kValues.size()];
}

// Replaces, removes or adds a value at any depth.
void mutate(Json& at, std::mt19937& random, const std::vector<std::string>& keys) {
  if (at.is_object() && !at.empty()) {
    auto it = at.begin();
    std::advance(it, random() % at.size());
    if (it->is_structured() && random() % 3 != 0) return mutate(*it, random, keys);
    if (random() % 8 == 0)
      at.erase(it);
    else
      *it = random_value(random);
    return;
  }
  if (at.is_array() && !at.empty())
    at[random() % at.size()] = random_value(random);
  else
    at = random_value(random);
}

TEST(HostileConfigs, GiveAModelOrOneLine) {
  const std::vector<std::string> keys = {"head_dim",           "num_key_value_heads",   "sliding_window",
                                         "use_sliding_window", "max_window_layers",     "layer_types",
                                         "rope_scaling",       "rope_parameters",       "rope_theta",
                                         "rope_freq_factors",  "attention_bias",        "mlp_bias",
                                         "hidden_act",         "partial_rotary_factor", "rms_norm_eps"};
  std::vector<Json> seeds;
  for (const char* name : {"llama", "llama3", "mistral", "qwen2", "qwen3"}) seeds.push_back(fixture_config(name));
  std::mt19937 random(20240611);
  int built = 0, refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    Json config = seeds[random() % seeds.size()];
    config["num_hidden_layers"] = 2;
    config.erase("layer_types");
    for (size_t i = 0, changes = 1 + random() % 4; i < changes; ++i) {
      if (random() % 3 == 0)
        config[keys[random() % keys.size()]] = random_value(random);
      else
        mutate(config, random, keys);
    }
    if (config.is_object() && config.contains("num_hidden_layers") && config["num_hidden_layers"] == 4096)
      continue;  // slow, not odd
    const auto model = build_model({config, {}});
    model.ok() ? ++built : ++refused;
    if (!model.ok()) {
      EXPECT_EQ(model.message().find('\n'), std::string::npos) << model.message();
      EXPECT_LT(model.message().size(), 500u) << model.message();
      continue;
    }
    const auto lawful = verify(model->graph);
    ASSERT_TRUE(lawful.ok()) << lawful.message() << " of " << dump(config);
    for (const SizeDecl& size : model->graph.sizes) ASSERT_LE(size.at_least, size.at_most) << dump(config);
  }
  EXPECT_GT(built, kRounds / 20);
  EXPECT_GT(refused, kRounds / 20);
}

}  // namespace
}  // namespace hearth
