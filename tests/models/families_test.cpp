// Families by name: which weights each one asks for, and how configs and tensors switch them.
#include <algorithm>
#include <set>

#include "ops/op.h"
#include "tests/models/configs.h"

namespace hearth {
namespace {

// Names of the parameters a family's graph reads, with their shapes.
std::map<std::string, std::vector<double>> params_of(const Json& config, const std::set<std::string>& tensors = {}) {
  const auto model = build_model({config, tensors});
  EXPECT_TRUE(model.ok()) << model.message();
  std::map<std::string, std::vector<double>> params;
  if (!model.ok()) return params;
  const auto lawful = verify(model->graph);
  EXPECT_TRUE(lawful.ok()) << lawful.message();
  for (const Node& node : model->graph.nodes)
    if (node.op == "param") params[node.text("name")] = node.reals("shape");
  return params;
}

using Shape = std::vector<double>;
const std::string kLayer = "model.layers.3.";

TEST(Families, AreFoundByTheirFiles) {
  EXPECT_EQ(family_names(), (std::vector<std::string>{"llama", "mistral", "qwen2", "qwen3"}));
}

TEST(Families, UnknownOnesAreToldWhichThereAre) {
  const auto model = build_model({small_config("gpt7"), {}});
  EXPECT_EQ(model.message(), "models: got model_type 'gpt7', want one of llama, mistral, qwen2, qwen3");
  EXPECT_EQ(build_model({with(small_config(), {{"model_type", nullptr}}), {}}).message(),
            "config.json: 'model_type' is missing, want a string");
}

TEST(Families, AllHaveTheSameStepFunction) {
  for (const std::string& family : family_names()) {
    const auto model = build_model({small_config(family), {}});
    ASSERT_TRUE(model.ok()) << model.message();
    EXPECT_EQ(model->family, family);
    EXPECT_EQ(model->vocabulary, 512);
    EXPECT_EQ(model->context, 512);
    EXPECT_EQ(model->graph.sizes.size(), 6u);
    ASSERT_EQ(model->graph.outputs.size(), 11u);  // logits, peaks, hidden, keys and values of four layers
    EXPECT_EQ(model->graph.outputs[0].name, "logits");
    EXPECT_EQ(model->graph.outputs[1].name, "peaks");
    EXPECT_EQ(model->graph.type(model->graph.outputs[1].value).shape[1], Dim(512 / 16));
    EXPECT_EQ(model->graph.outputs[2].name, "hidden");
    std::set<std::string> inputs;
    for (const Node& node : model->graph.nodes)
      if (node.op == "input") inputs.insert(node.text("name"));
    EXPECT_EQ(inputs, (std::set<std::string>{"ids", "positions", "seq", "page_table", "logit_rows", "embed_rows"}));
  }
}

TEST(Families, FixturesReadTheirOwnTensorsAndNoOthers) {
  for (const char* name : {"llama", "llama3", "mistral", "qwen2", "qwen3"}) {
    const Json config = fixture_config(name);
    const auto header = read_file(std::string(HEARTH_ROOT "/tests/fixtures/models/") + name + "/model.safetensors");
    ASSERT_TRUE(header.ok()) << header.message();
    uint64_t length = 0;
    std::copy_n(header->data(), 8, reinterpret_cast<char*>(&length));
    const Json tensors = *parse_json(std::string_view(*header).substr(8, length), "fixture");
    std::map<std::string, Shape> want;
    for (const auto& [tensor, entry] : tensors.items())
      if (tensor != "__metadata__") want[tensor] = entry["shape"].get<Shape>();
    std::set<std::string> names;
    for (const auto& [tensor, shape] : want) names.insert(tensor);
    EXPECT_EQ(params_of(config, names), want) << name;
  }
}

TEST(Llama, TiedReadsTheEmbeddingTwice) {
  EXPECT_EQ(params_of(small_config()).count("lm_head.weight"), 1u);
  EXPECT_EQ(params_of(with(small_config(), {{"tie_word_embeddings", true}})).count("lm_head.weight"), 0u);
  EXPECT_EQ(
      params_of(with(small_config(), {{"tie_word_embeddings", true}}), {"lm_head.weight"}).count("lm_head.weight"), 0u);
}

TEST(Llama, BiasesComeByConfigOrByTensor) {
  const auto plain = params_of(small_config());
  for (const char* name : {"self_attn.q_proj.bias", "self_attn.o_proj.bias", "mlp.gate_proj.bias"})
    EXPECT_EQ(plain.count(kLayer + name), 0u);
  const auto asked = params_of(with(small_config(), {{"attention_bias", true}, {"mlp_bias", true}}));
  EXPECT_EQ(asked.at(kLayer + "self_attn.q_proj.bias"), Shape{64});
  EXPECT_EQ(asked.at(kLayer + "self_attn.k_proj.bias"), Shape{32});
  EXPECT_EQ(asked.at(kLayer + "mlp.down_proj.bias"), Shape{64});
  const auto found =
      params_of(small_config(), {"model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.o_proj.bias",
                                 "model.layers.0.mlp.gate_proj.bias"});
  for (const char* name : {"self_attn.v_proj.bias", "self_attn.o_proj.bias", "mlp.up_proj.bias"})
    EXPECT_EQ(found.count(kLayer + name), 1u);
  EXPECT_EQ(build_model({with(small_config(), {{"attention_bias", "yes"}}), {}}).message(),
            "config.json: 'attention_bias': got string, want true or false");
}

TEST(Mistral, SlidesOverEveryLayer) {
  const auto model = build_model({with(small_config("mistral"), {{"sliding_window", 32}}), {}});
  ASSERT_TRUE(model.ok()) << model.message();
  EXPECT_EQ(model->sliding_window, 32);
  int layers = 0;
  for (const Node& node : model->graph.nodes) {
    if (node.op != "attention") continue;
    EXPECT_EQ(node.integer("window"), 32);
    ++layers;
  }
  EXPECT_EQ(layers, 4);
  EXPECT_EQ(build_model({small_config("mistral"), {}})->sliding_window, 0);
}

TEST(Qwen2, HasBiasesOnQueriesKeysAndValuesAlone) {
  const auto params = params_of(small_config("qwen2"));
  for (const char* name : {"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"})
    EXPECT_EQ(params.count(kLayer + name), 1u);
  for (const char* name : {"self_attn.o_proj.bias", "mlp.gate_proj.bias", "self_attn.q_norm.weight"})
    EXPECT_EQ(params.count(kLayer + name), 0u);
}

TEST(Qwen2, SlidesOnItsUpperLayersIfSwitchedOn) {
  const Json on = {{"sliding_window", 32}, {"use_sliding_window", true}, {"max_window_layers", 2}};
  const auto model = build_model({with(small_config("qwen2"), on), {}});
  ASSERT_TRUE(model.ok()) << model.message();
  std::vector<int64_t> windows;
  for (const Node& node : model->graph.nodes)
    if (node.op == "attention") windows.push_back(node.integer("window"));
  EXPECT_EQ(windows, (std::vector<int64_t>{0, 0, 32, 32}));
}

TEST(Qwen3, NormsEachHeadBeforeItRotates) {
  const auto params = params_of(with(small_config("qwen3"), {{"head_dim", 32}}));
  EXPECT_EQ(params.at(kLayer + "self_attn.q_norm.weight"), Shape{32});
  EXPECT_EQ(params.at(kLayer + "self_attn.k_norm.weight"), Shape{32});
  EXPECT_EQ(params.count(kLayer + "self_attn.v_norm.weight"), 0u);
  EXPECT_EQ(params.at(kLayer + "self_attn.q_proj.weight"), (Shape{128, 64}));
  EXPECT_EQ(params.count(kLayer + "self_attn.q_proj.bias"), 0u);
  EXPECT_EQ(params_of(with(small_config("qwen3"), {{"attention_bias", true}})).count(kLayer + "self_attn.q_proj.bias"),
            1u);
}

}  // namespace
}  // namespace hearth
