// PEFT folders: what is read from them, and one clear line for everything that is not a plain LoRA.
#include "weights/peft.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/dtype.h"
#include "base/file.h"
#include "base/json.h"

namespace hearth {
namespace {

class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "hearth-peftXXXXXX").string();
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  void write(const char* name, const std::string& contents) const {
    EXPECT_TRUE(write_file(path_ + "/" + name, contents).ok());
  }

 private:
  std::string path_;
};

struct Entry {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

std::string encoded(const Entry& entry) {
  std::string bytes;
  for (float value : entry.values) {
    uint32_t bits = 0;
    std::memcpy(&bits, &value, 4);
    if (entry.dtype == "F16") bits = f32_to_f16(value);
    if (entry.dtype == "BF16") bits = f32_to_bf16(value);
    const size_t width = entry.dtype == "F32" ? 4 : entry.dtype == "U8" ? 1 : entry.dtype == "I64" ? 8 : 2;
    uint64_t wide = bits;
    bytes.append(reinterpret_cast<const char*>(&wide), width);
  }
  return bytes;
}

std::string safetensors_of(const std::vector<Entry>& entries) {
  Json header = Json::object();
  std::string data;
  for (const Entry& entry : entries) {
    const std::string bytes = encoded(entry);
    header[entry.name] = {
        {"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data += bytes;
  }
  const std::string text = dump(header);
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + text + data;
}

const std::string kLayer = "base_model.model.model.layers.0.";
const std::string kQ = kLayer + "self_attn.q_proj.", kDown = kLayer + "mlp.down_proj.";

Json config_with(const Json& changes = Json::object()) {
  Json config = {{"peft_type", "LORA"},
                 {"r", 2},
                 {"lora_alpha", 8},
                 {"use_rslora", false},
                 {"bias", "none"},
                 {"use_dora", false},
                 {"fan_in_fan_out", false},
                 {"modules_to_save", nullptr},
                 {"rank_pattern", Json::object()},
                 {"alpha_pattern", Json::object()},
                 {"init_lora_weights", true},
                 {"target_modules", {"q_proj", "down_proj"}}};
  config.update(changes);
  return config;
}

std::vector<Entry> plain_entries() {
  return {{kQ + "lora_A.weight", "F32", {2, 3}, {1, 2, 3, 4, 5, 6}}, {kQ + "lora_B.weight", "F32", {1, 2}, {7, 8}}};
}

Result<std::vector<PeftMatrix>> read(const Json& config, const std::vector<Entry>& entries) {
  const Folder folder;
  folder.write("adapter_config.json", dump(config));
  folder.write("adapter_model.safetensors", safetensors_of(entries));
  return read_peft(folder.path());
}

TEST(Peft, ReadsEveryTypeAndBothSpellings) {
  const auto matrices = read(config_with(), {{kQ + "lora_A.weight", "F16", {2, 3}, {1, 2, 3, 4, 5, 0.5f}},
                                             {kQ + "lora_B.weight", "BF16", {1, 2}, {7, -8}},
                                             {kDown + "lora_A.default.weight", "F32", {2, 2}, {1, 0, 0, 1}},
                                             {kDown + "lora_B.default.weight", "F32", {2, 2}, {0.1f, 2, 3, 4}}});
  ASSERT_TRUE(matrices.ok()) << matrices.message();
  ASSERT_EQ(matrices->size(), 2u);
  const PeftMatrix &down = (*matrices)[0], &q = (*matrices)[1];
  EXPECT_EQ(down.name, "model.layers.0.mlp.down_proj");
  EXPECT_EQ(down.up, (std::vector<float>{0.1f, 2, 3, 4}));
  EXPECT_EQ(q.name, "model.layers.0.self_attn.q_proj");
  EXPECT_EQ(std::tuple(q.rank, q.inputs, q.outputs, q.scale), std::tuple(2, 3, 1, 4.0f));
  EXPECT_EQ(q.down, (std::vector<float>{1, 2, 3, 4, 5, 0.5f}));
  EXPECT_EQ(q.up, (std::vector<float>{7, -8}));
}

TEST(Peft, ScalesAsTheConfigSays) {
  const auto scale = [](const Json& changes) {
    const auto matrices = read(config_with(changes), plain_entries());
    EXPECT_TRUE(matrices.ok()) << matrices.message();
    return matrices.ok() ? (*matrices)[0].scale : 0;
  };
  EXPECT_EQ(scale({{"lora_alpha", 3}}), 1.5f);
  EXPECT_FLOAT_EQ(scale({{"use_rslora", true}}), 8 / std::sqrt(2.0f));
  EXPECT_EQ(scale({{"alpha_pattern", {{"q_proj", 2}}}}), 1.0f);
  EXPECT_EQ(scale({{"alpha_pattern", {{"^model.layers.0.self_attn.q_proj", 2}}}}), 1.0f);
  EXPECT_EQ(scale({{"alpha_pattern", {{"layers.1.self_attn.q_proj", 2}, {"proj", 3}, {"k_proj", 5}}}}), 4.0f);
  EXPECT_EQ(scale({{"r", 16}, {"rank_pattern", {{"self_attn.q_proj", 2}}}}), 4.0f);
  EXPECT_EQ(scale({{"target_modules", "all-linear"}}), 4.0f);
}

TEST(Peft, NamesWhatIsWrongInTheConfig) {
  const std::pair<Json, const char*> cases[] = {
      {{{"peft_type", "IA3"}}, "'peft_type': got 'IA3', want LORA"},
      {{{"peft_type", nullptr}}, "'peft_type': got null"},
      {{{"use_dora", true}}, "'use_dora': got true, want false"},
      {{{"use_dora", 1}}, "'use_dora': got number"},
      {{{"fan_in_fan_out", true}}, "'fan_in_fan_out': got true"},
      {{{"lora_bias", true}}, "'lora_bias': got true"},
      {{{"bias", "all"}}, "'bias': got 'all', want none"},
      {{{"modules_to_save", {"lm_head"}}}, "'modules_to_save': got '[\"lm_head\"]', want null"},
      {{{"layer_replication", {{0, 4}}}}, "'layer_replication': got"},
      {{{"init_lora_weights", "pissa_niter_4"}}, "'init_lora_weights': got 'pissa_niter_4'"},
      {{{"r", 0}}, "'r': got 0, want at least 1"},
      {{{"r", "2"}}, "'r': got string"},
      {{{"lora_alpha", nullptr}}, "'lora_alpha': got null"},
      {{{"lora_alpha", 1e300}}, "got alpha 1e+300"},
      {{{"rank_pattern", {{".*q_proj", 2}}}}, "'rank_pattern': got the pattern '.*q_proj', want names of modules"},
      {{{"rank_pattern", {{"q_proj", "2"}}}}, "'rank_pattern': 'q_proj': got string, want a number"},
      {{{"alpha_pattern", {1}}}, "'alpha_pattern': got array, want an object"},
      {{{"rank_pattern", {{"q_proj", 3}}}}, "got rank 2, want 3 as adapter_config.json says"},
      {{{"target_modules", {"k_proj"}}}, "want one of 'target_modules'"},
      {{{"target_modules", 3}}, "'target_modules': got number, want a list of names"},
  };
  for (const auto& [changes, want] : cases) {
    const auto matrices = read(config_with(changes), plain_entries());
    ASSERT_FALSE(matrices.ok()) << want;
    EXPECT_NE(matrices.message().find(want), std::string::npos) << matrices.message();
    EXPECT_EQ(matrices.message().find('\n'), std::string::npos);
    EXPECT_TRUE(matrices.message().starts_with("adapter: ")) << matrices.message();
  }
}

TEST(Peft, NamesWhatIsWrongInTheTensors) {
  const auto with = [](const std::vector<Entry>& more) {
    std::vector<Entry> entries = plain_entries();
    for (const Entry& entry : more) entries.push_back(entry);
    return entries;
  };
  const std::pair<std::vector<Entry>, std::string> cases[] = {
      {{}, "got no tensors"},
      {{plain_entries()[0]}, "'model.layers.0.self_attn.q_proj': got lora_A alone"},
      {{plain_entries()[1]}, "'model.layers.0.self_attn.q_proj': got lora_B alone"},
      {with({{"base_model.model.lm_head.lora_A.weight", "F32", {1}, {1}}}),
       "got the tensor 'base_model.model.lm_head.lora_A.weight'"},
      {with({{kLayer + "self_attn.q_proj.bias", "F32", {1}, {1}}}), "q_proj.bias', want only lora_A and lora_B"},
      {with({{kLayer + "mlp.experts.0.up_proj.lora_A.weight", "F32", {1}, {1}}}),
       "mlp.experts.0.up_proj.lora_A.weight'"},
      {with({{"base_model.model.model.layers.x.mlp.up_proj.lora_A.weight", "F32", {1}, {1}}}), "layers.x.mlp"},
      {with({{"model.layers.0.mlp.up_proj.lora_A.weight", "F32", {1}, {1}}}), "got the tensor 'model.layers.0.mlp"},
      {with({{kDown + "lora_A.weight", "I64", {1}, {1}}}), "down_proj.lora_A.weight', want only"},
      {with({{kQ + "lora_A.default.weight", "F32", {1}, {1}}}), "twice"},
      {{plain_entries()[0], {kQ + "lora_B.weight", "F32", {1, 3}, {7, 8, 9}}},
       "lora_B.weight': got rank 3, want 2 as lora_A has"},
      {{plain_entries()[0], {kQ + "lora_B.weight", "F32", {2}, {7, 8}}}, "lora_B.weight': got 1 axes, want 2"},
      {{plain_entries()[0], {kQ + "lora_B.weight", "U8", {1, 2}, {7, 8}}},
       "got elements of type u8, want f32, f16 or bf16"},
      {{{kQ + "lora_A.weight", "F32", {3, 1}, {1, 2, 3}}, plain_entries()[1]},
       "got rank 3, want 2 as adapter_config.json"},
  };
  for (const auto& [entries, want] : cases) {
    const auto matrices = read(config_with(), entries);
    ASSERT_FALSE(matrices.ok()) << want;
    EXPECT_NE(matrices.message().find(want), std::string::npos) << matrices.message();
    EXPECT_TRUE(matrices.message().starts_with("adapter: ")) << matrices.message();
  }
}

TEST(Peft, NamesWhatIsMissingInTheFolder) {
  const Folder folder;
  EXPECT_NE(read_peft(folder.path()).message().find("got no adapter_config.json"), std::string::npos);
  folder.write("adapter_config.json", dump(config_with()));
  EXPECT_NE(read_peft(folder.path()).message().find("got no tensors, want adapter_model.safetensors"),
            std::string::npos);
  folder.write("adapter_model.bin", "x");
  EXPECT_NE(read_peft(folder.path()).message().find("got adapter_model.bin"), std::string::npos);
  folder.write("adapter_model.safetensors", "short");
  EXPECT_FALSE(read_peft(folder.path()).ok());
  folder.write("adapter_config.json", "[");
  EXPECT_NE(read_peft(folder.path()).message().find("adapter_config.json"), std::string::npos);
}

}  // namespace
}  // namespace hearth
