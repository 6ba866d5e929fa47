// DecoderConfig: both dialects, every rotary scaling against numbers, windows, and what a bad value says.
#include <cmath>
#include <limits>

#include "tests/models/configs.h"

namespace hearth {
namespace {

void expect_near(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 3e-7 * want[i]) << i;  // computed in float32
}

std::vector<double> frequencies_of(const Json& changes) {
  const auto config = read_decoder_config(with(small_config(), changes));
  EXPECT_TRUE(config.ok()) << config.message();
  return config.ok() ? config->rope_frequencies : std::vector<double>();
}

TEST(DecoderConfig, ReadsSizes) {
  const auto config =
      read_decoder_config(with(small_config(), {{"rms_norm_eps", 1e-5}, {"tie_word_embeddings", true}}));
  ASSERT_TRUE(config.ok()) << config.message();
  EXPECT_EQ(config->hidden, 64);
  EXPECT_EQ(config->layers, 4);
  EXPECT_EQ(config->heads, 4);
  EXPECT_EQ(config->kv_heads, 2);
  EXPECT_EQ(config->head_size, 16);
  EXPECT_EQ(config->ffn, 192);
  EXPECT_EQ(config->vocabulary, 512);
  EXPECT_EQ(config->context, 512);
  EXPECT_EQ(config->norm_eps, 1e-5);
  EXPECT_TRUE(config->tied);
}

TEST(DecoderConfig, FillsWhatConfigsLeaveOut) {
  const auto config = read_decoder_config(
      with(small_config(), {{"num_key_value_heads", nullptr}, {"max_position_embeddings", nullptr}}));
  ASSERT_TRUE(config.ok()) << config.message();
  EXPECT_EQ(config->kv_heads, 4);
  EXPECT_EQ(config->context, 2048);
  EXPECT_EQ(config->norm_eps, 1e-6);
  EXPECT_FALSE(config->tied);
  expect_near(config->rope_frequencies, frequencies_of({{"rope_theta", 10000}}));
}

TEST(DecoderConfig, HeadSizeMayDifferFromHiddenPerHead) {
  const auto config = read_decoder_config(with(small_config(), {{"head_dim", 32}}));
  ASSERT_TRUE(config.ok()) << config.message();
  EXPECT_EQ(config->head_size, 32);
  EXPECT_EQ(config->rope_frequencies.size(), 16u);
}

TEST(DecoderConfig, WholeNumbersMayBeWrittenAsFloats) {
  EXPECT_EQ(read_decoder_config(with(small_config(), {{"hidden_size", 64.0}}))->hidden, 64);
}

TEST(Rope, DefaultFrequenciesArePowersOfTheta) {
  expect_near(frequencies_of({{"head_dim", 8}, {"rope_theta", 10000.0}}), {1, 0.1, 0.01, 0.001});
  expect_near(frequencies_of({{"head_dim", 8}, {"rope_theta", 1e6}}),
              {1, std::pow(10, -1.5), 0.001, std::pow(10, -4.5)});
}

TEST(Rope, LinearDividesByItsFactor) {
  expect_near(frequencies_of({{"head_dim", 8}, {"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}}}),
              {0.25, 0.025, 0.0025, 0.00025});
}

const Json kLlama3 = {
    {"factor", 8.0}, {"high_freq_factor", 4.0}, {"low_freq_factor", 1.0}, {"original_max_position_embeddings", 64}};

Json llama3_scaling(const char* key) {
  Json scaling = kLlama3;
  scaling[key] = "llama3";
  return {{"rope_theta", 500000.0}, {"rope_scaling", scaling}};
}

TEST(Rope, Llama3KeepsShortWavesAndDividesLongOnes) {
  // 1 and the second (wavelength 32.4, in the band of 16 .. 64) by the formula of the Llama 3.1 paper's code, in
  // double.
  expect_near(frequencies_of(llama3_scaling("rope_type")),
              {1.0, 0.0794030092, 0.00470075387, 0.000911583092, 0.000176776695, 3.4281022e-05, 6.64786987e-06,
               1.28917317e-06});
}

TEST(Rope, BothDialectsSayTheSame) {
  const std::vector<double> truth = frequencies_of(llama3_scaling("rope_type"));
  Json inside = kLlama3;
  inside["rope_theta"] = 500000.0;
  inside["rope_type"] = "llama3";
  EXPECT_EQ(frequencies_of(llama3_scaling("type")), truth);                              // before 4.43
  EXPECT_EQ(frequencies_of({{"rope_parameters", inside}}), truth);                       // since 5.0
  EXPECT_EQ(frequencies_of({{"rope_theta", 1.0}, {"rope_parameters", inside}}), truth);  // the inner one rules
  EXPECT_EQ(frequencies_of({{"rope_scaling", nullptr}, {"rope_parameters", inside}}), truth);
  EXPECT_NE(frequencies_of({{"rope_theta", 500000.0}}), truth);
}

TEST(Rope, ElementTypeKeysDoNotMatter) {
  EXPECT_EQ(frequencies_of({{"torch_dtype", "bfloat16"}}), frequencies_of({{"dtype", "float16"}}));
}

TEST(Rope, FactorsOfGgufAreLlama3ToFloat32) {
  // 1 / ((1 - smooth) / factor + smooth), as GGUF files hold it in float32: a frequency is off by one rounding at most.
  const std::vector<double> plain = frequencies_of({{"rope_theta", 500000.0}}),
                            truth = frequencies_of(llama3_scaling("rope_type"));
  Json factors = Json::array();
  for (size_t i = 0; i < plain.size(); ++i)
    factors.push_back(static_cast<double>(static_cast<float>(plain[i] / truth[i])));
  expect_near(frequencies_of({{"rope_theta", 500000.0}, {"rope_freq_factors", factors}}), truth);
}

TEST(Windows, FamiliesSwitchThemDifferently) {
  const auto windows = [](const Json& changes, bool on_by_default) {
    return *read_windows(with(small_config(), changes), 4, on_by_default);
  };
  using List = std::vector<int64_t>;
  const List none(4, 0), all(4, 32);
  EXPECT_EQ(windows({{"sliding_window", 32}}, true), all);  // mistral
  EXPECT_EQ(windows({{"sliding_window", nullptr}}, true), none);
  EXPECT_EQ(windows(Json::object(), true), none);
  EXPECT_EQ(windows({{"sliding_window", 32}}, false), none);  // qwen2, qwen3
  EXPECT_EQ(windows({{"sliding_window", 32}, {"use_sliding_window", false}}, true), none);
  const Json on = {{"sliding_window", 32}, {"use_sliding_window", true}};
  EXPECT_EQ(windows(on, false), all);
  EXPECT_EQ(windows(with(on, {{"max_window_layers", 3}}), false), (List{0, 0, 0, 32}));
  EXPECT_EQ(windows(with(on, {{"max_window_layers", 28}}), false), none);
  const Json types = {"sliding_attention", "full_attention", "sliding_attention", "full_attention"};
  EXPECT_EQ(windows(with(on, {{"layer_types", types}, {"max_window_layers", 3}}), false), (List{32, 0, 32, 0}));
}

TEST(Activation, KnowsTheNamesOfConfigs) {
  for (const auto& [name, op] :
       {std::pair{"silu", "silu"}, {"swish", "silu"}, {"gelu", "gelu"}, {"gelu_pytorch_tanh", "gelu_tanh"}})
    EXPECT_EQ(*read_activation({{"hidden_act", name}}), op);
  EXPECT_EQ(*read_activation(Json::object()), "silu");
  EXPECT_EQ(read_activation({{"hidden_act", "relu6"}}).message(),
            "config.json: got hidden_act 'relu6', want silu, gelu or gelu_pytorch_tanh");
}

struct Bad {
  Json changes;
  std::string says;
};

void expect_refused(const Bad& bad) {
  const Json config = with(small_config("qwen2"), bad.changes);
  const auto model = build_model({config, {}});
  ASSERT_FALSE(model.ok()) << dump(bad.changes);
  expect_one_line(model.message(), dump(bad.changes));
  EXPECT_NE(model.message().find(bad.says), std::string::npos) << dump(bad.changes) << " said: " << model.message();
}

TEST(BadConfig, MissingSizesAreNamed) {
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"})
    expect_refused({{{key, nullptr}}, fmt::format("'{}'", key)});
  const auto none = read_decoder_config(Json::object());
  EXPECT_EQ(none.message(), "config.json: 'hidden_size' is missing, want an integer");
}

TEST(BadConfig, EverySizeRefusesWhatIsNone) {
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
                          "intermediate_size", "vocab_size", "max_position_embeddings"})
    for (const Json& value : {Json(0), Json(-1), Json(0.5), Json("64"), Json(true), Json::array({64}), Json::object(),
                              Json(1e18), Json(INT64_MAX), Json(UINT64_MAX), Json(INT64_MIN),
                              Json(std::numeric_limits<double>::quiet_NaN()), Json(INFINITY)}) {
      if (value.is_object()) continue;  // a merge patch would merge it
      expect_refused({{{key, value}}, fmt::format("'{}'", key)});
    }
}

TEST(BadConfig, SizesMustAgree) {
  expect_refused({{{"num_attention_heads", 5}}, "5 heads"});
  expect_refused({{{"num_key_value_heads", 3}}, "4 heads and 3 key heads"});
  expect_refused({{{"num_key_value_heads", 8}}, "4 heads and 8 key heads"});
  expect_refused({{{"num_attention_heads", 3}, {"num_key_value_heads", 3}}, "hidden_size 64 and 3 heads"});
  expect_refused({{{"head_dim", 15}}, "head size 15"});
  expect_refused({{{"head_dim", 1}}, "head size 1"});
  expect_refused({{{"num_attention_heads", 64}, {"num_key_value_heads", 64}}, "head size 1"});
  expect_refused({{{"head_dim", 1 << 24}}, "head size 16777216"});
  expect_refused(
      {{{"head_dim", 4096}, {"num_attention_heads", 4096}, {"num_key_value_heads", 1}}, "4096 heads a key head"});
  expect_refused({{{"num_hidden_layers", 5000}}, "1 .. 4096"});
}

TEST(BadConfig, NumbersMustMakeSense) {
  for (const Json& value : {Json(-1e-6), Json(2.0), Json(1e300), Json("1e-6"), Json(false), Json(NAN), Json(INFINITY)})
    expect_refused({{{"rms_norm_eps", value}}, "'rms_norm_eps'"});
  for (const Json& value : {Json(0), Json(-10000), Json("10000"), Json(NAN), Json(INFINITY), Json::array()})
    expect_refused({{{"rope_theta", value}}, "'rope_theta'"});
  expect_refused({{{"rope_theta", 1e-300}}, "rope_theta"});
  expect_refused({{{"tie_word_embeddings", "yes"}}, "'tie_word_embeddings'"});
  expect_refused({{{"hidden_act", 7}}, "'hidden_act'"});
  expect_refused({{{"partial_rotary_factor", 0.5}}, "'partial_rotary_factor'"});
}

TEST(BadConfig, ScalingsMustBeKnownAndWhole) {
  const auto scaling = [](const Json& changes) {
    return Json{{"rope_scaling", with(llama3_scaling("rope_type")["rope_scaling"], changes)}};
  };
  for (const char* type : {"yarn", "dynamic", "longrope", "su", ""})
    expect_refused({scaling({{"rope_type", type}}), "want one of default, linear, llama3"});
  expect_refused({scaling({{"rope_type", 3}}), "'rope_type'"});
  for (const char* key : {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}) {
    expect_refused({scaling({{key, nullptr}}), fmt::format("'{}' is missing", key)});
    for (const Json& value : {Json(0), Json(-1), Json(NAN), Json(INFINITY), Json("8")})
      expect_refused({scaling({{key, value}}), key});
  }
  expect_refused({scaling({{"low_freq_factor", 4.0}}), "low < high"});
  expect_refused({{{"rope_scaling", {{"type", "linear"}}}}, "'factor' is missing"});
  expect_refused({{{"rope_scaling", {{"type", "linear"}, {"factor", 0}}}}, "'factor'"});
  expect_refused({{{"rope_scaling", {{"type", "linear"}, {"factor", 1e-320}}}}, "scaling"});
  expect_refused({{{"rope_scaling", "linear"}}, "want an object"});
  expect_refused({{{"rope_parameters", Json::array({1})}}, "want an object"});
  expect_refused({{{"rope_parameters", {{"full_attention", {{"rope_theta", 1e6}}}}}}, "'full_attention'"});
  expect_refused({{{"rope_parameters", {{"partial_rotary_factor", 0.25}}}}, "'partial_rotary_factor'"});
  for (const Json& factors :
       {Json(3), Json::array({1, 2}), Json::array({1, 1, 1, 1, 1, 1, 1, "8"}), Json::array({1, 1, 1, 1, 1, 1, 1, 0})})
    expect_refused({{{"rope_freq_factors", factors}},
                    factors.is_array() && factors.back() == 0 ? "frequency" : "'rope_freq_factors'"});
}

TEST(BadConfig, WindowsMustMakeSense) {
  const Json on = {{"use_sliding_window", true}, {"sliding_window", 32}};
  for (const Json& value : {Json(0), Json(-5), Json("32"), Json(1e12)})
    expect_refused({with(on, {{"sliding_window", value}}), "'sliding_window'"});
  expect_refused({with(on, {{"use_sliding_window", 1}}), "'use_sliding_window'"});
  for (const Json& value : {Json(-1), Json("3")})
    expect_refused({with(on, {{"max_window_layers", value}}), "'max_window_layers'"});
  const Json three = {"full_attention", "full_attention", "sliding_attention"};
  for (const Json& value : {Json("sliding_attention"), three, Json::array({1, 2, 3, 4}), Json(4),
                            Json::array({"full_attention", "chunked_attention", "full_attention", "full_attention"})})
    expect_refused({with(on, {{"layer_types", value}}), "'layer_types'"});
}

TEST(BadConfig, ConfigItselfMustBeAnObject) {
  for (const Json& config : {Json(), Json(3), Json::array(), Json("llama")}) {
    const auto model = build_model({config, {}});
    ASSERT_FALSE(model.ok());
    expect_one_line(model.message(), dump(config));
  }
}

}  // namespace
}  // namespace hearth
