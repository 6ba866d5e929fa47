// Hugging Face folders: the fixtures open, optional files are optional, every hole is named.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "weights/checkpoint.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

const std::string kModels = HEARTH_ROOT "/tests/fixtures/models/";

std::string message(const auto& result) { return result.ok() ? "(no error)" : result.message(); }

// A folder of the test's own, gone with it.
class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / ("hearth_folder_" + std::string(info->name()) + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  void copy(const std::string& from, const std::string& to) { fs::copy_file(from, folder_ / to); }
  std::string path() const { return folder_.string(); }
  fs::path folder_;
};

// One F32 tensor [2] = {value, value} under `name`.
std::string one_tensor(const std::string& name, float value) {
  std::string header = R"({")" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  std::string file(8, '\0');
  const uint64_t size = header.size();
  std::memcpy(file.data(), &size, 8);
  file += header;
  for (int i = 0; i < 2; ++i) file.append(reinterpret_cast<const char*>(&value), 4);
  return file;
}

TEST_F(FolderTest, fixtures_open) {
  for (const char* name : {"llama", "llama3", "mistral", "qwen2", "qwen3"}) {
    auto opened = open_checkpoint(kModels + name);
    ASSERT_TRUE(opened.ok()) << message(opened);
    EXPECT_EQ(opened->name, name);
    EXPECT_EQ(opened->source_format, "safetensors");
    const Tensor& embedding = opened->tensors.at("model.embed_tokens.weight");
    EXPECT_EQ(embedding.shape, (std::vector<int64_t>{512, 64}));
    EXPECT_EQ(embedding.storage.name, "bf16");
    EXPECT_EQ(embedding.bytes.size(), 512u * 64 * 2);
    EXPECT_EQ(opened->tensors.count("lm_head.weight"), opened->config["tie_word_embeddings"] == true ? 0u : 1u);
    EXPECT_EQ(opened->identity.size(), 32u);
  }
}

TEST_F(FolderTest, ember_opens_with_its_texts) {
  auto opened = open_checkpoint(HEARTH_ROOT "/models/ember");
  ASSERT_TRUE(opened.ok()) << message(opened);
  EXPECT_EQ(opened->config["model_type"], "llama");
  EXPECT_GT(opened->tokenizer_json.size(), 500000u);
  EXPECT_NE(opened->chat_template.find("<|assistant|>"), std::string::npos);
  EXPECT_EQ(opened->tokenizer_config["eos_token"], "<|eot|>");
  EXPECT_EQ(opened->generation_config["top_p"], 0.9);
}

TEST_F(FolderTest, template_from_jinja_file_list_and_string) {
  put("config.json", R"({"model_type":"llama"})");
  put("model.safetensors", one_tensor("a", 1));
  put("tokenizer_config.json",
      R"({"bos_token":{"content":"<s>"},"chat_template":[{"name":"rag","template":"R"},{"name":"default","template":"D"}]})");
  auto opened = open_checkpoint(path());
  ASSERT_TRUE(opened.ok()) << message(opened);
  EXPECT_EQ(opened->chat_template, "D");
  EXPECT_EQ(opened->tokenizer_config["bos_token"], "<s>");
  const std::string before = opened->identity;
  put("chat_template.jinja", "J");
  opened = open_checkpoint(path());
  ASSERT_TRUE(opened.ok()) << message(opened);
  EXPECT_EQ(opened->chat_template, "J");
  EXPECT_NE(opened->identity, before);
}

TEST_F(FolderTest, shards_join) {
  put("config.json", R"({"model_type":"llama"})");
  put("model-1.safetensors", one_tensor("a", 1));
  put("model-2.safetensors", one_tensor("b", 2));
  put("model.safetensors.index.json", R"({"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})");
  auto opened = open_checkpoint(path());
  ASSERT_TRUE(opened.ok()) << message(opened);
  EXPECT_EQ(opened->tensors.size(), 2u);
  EXPECT_EQ(opened->files.size(), 2u);
  float value = 0;
  std::memcpy(&value, opened->tensors.at("b").bytes.data(), 4);
  EXPECT_EQ(value, 2.0f);
}

TEST_F(FolderTest, bad_indexes_are_named) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"weight_map":{"a":"../m.safetensors"}})", "want the name of a file in the same folder"},
      {R"({"weight_map":{"a":"/etc/passwd"}})", "want the name of a file in the same folder"},
      {R"({"weight_map":{"a":7}})", "want the name of a file in the same folder"},
      {R"({"weight_map":{"a":"gone.safetensors"}})", "cannot open"},
      {R"({"weight_map":{"b":"one.safetensors"}})", "'b': is not in 'one.safetensors'"},
      {R"({"weight_map":{"a":"one.safetensors","x":"two.safetensors"}})", "twice"},
      {R"({"weight_map":[]})", "'weight_map' is missing"},
      {R"([1)", "not valid JSON"},
  };
  put("config.json", "{}");
  put("one.safetensors", one_tensor("a", 1));
  put("two.safetensors", one_tensor("a", 1));
  for (const auto& [text, want] : cases) {
    put("model.safetensors.index.json", text);
    const std::string got = message(open_checkpoint(path()));
    EXPECT_NE(got.find(want), std::string::npos) << text << " -> " << got;
    EXPECT_TRUE(got.starts_with("weights: ")) << got;
    EXPECT_EQ(got.find('\n'), std::string::npos) << got;
  }
}

TEST_F(FolderTest, missing_files_are_listed) {
  EXPECT_NE(message(open_checkpoint(path())).find("looked for config.json with model.safetensors"), std::string::npos)
      << message(open_checkpoint(path()));
  put("config.json", "{}");
  EXPECT_NE(message(open_checkpoint(path())).find("no weights"), std::string::npos);
  put("pytorch_model.bin", "x");
  EXPECT_NE(message(open_checkpoint(path())).find("pytorch_model.bin"), std::string::npos);
  fs::remove(folder_ / "config.json");
  put("model.safetensors", one_tensor("a", 1));
  EXPECT_NE(message(open_checkpoint(path())).find("no config.json"), std::string::npos);
  EXPECT_NE(message(open_checkpoint(path() + "/gone")).find("no such file or folder"), std::string::npos);
  EXPECT_NE(message(open_checkpoint(path() + "/pytorch_model.bin")).find("no GGUF"), std::string::npos);
}

TEST_F(FolderTest, packed_weights_are_refused) {
  put("config.json", R"({"model_type":"llama","quantization_config":{"quant_method":"gptq","bits":4}})");
  put("model.safetensors", one_tensor("a", 1));
  EXPECT_NE(message(open_checkpoint(path())).find("quantized by 'gptq'"), std::string::npos)
      << message(open_checkpoint(path()));
  EXPECT_NE(message(open_checkpoint("/dev/null")).find("neither a file nor a folder"), std::string::npos);
}

TEST_F(FolderTest, identity_follows_contents_not_places) {
  auto first = open_checkpoint(kModels + "llama");
  for (const char* name : {"config.json", "model.safetensors"}) copy(kModels + "llama/" + name, name);
  auto second = open_checkpoint(path());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->identity, second->identity);
  auto bytes = read_file(path() + "/model.safetensors");
  ASSERT_TRUE(bytes.ok());
  (*bytes)[bytes->size() - 1000] ^= 1;
  put("model.safetensors", *bytes);
  auto third = open_checkpoint(path());
  ASSERT_TRUE(third.ok());
  EXPECT_NE(first->identity, third->identity);
}

TEST_F(FolderTest, tokenizer_needs_no_weights) {
  copy(HEARTH_ROOT "/models/ember/tokenizer.json", "tokenizer.json");
  auto opened = open_tokenizer(path());
  ASSERT_TRUE(opened.ok()) << message(opened);
  EXPECT_FALSE(opened->tokenizer_json.empty());
  opened = open_tokenizer(path() + "/tokenizer.json");
  ASSERT_TRUE(opened.ok()) << message(opened);
  EXPECT_FALSE(opened->tokenizer_json.empty());
}

TEST_F(FolderTest, models_are_found_by_name) {
  put("hub/models--org--tiny/snapshots/abc/config.json", "{}");
  put("hub/models--org--tiny/snapshots/def/config.json", "{}");
  put("hub/models--org--tiny/refs/main", "abc\n");
  const std::vector<std::string> roots = {path() + "/nowhere", path() + "/hub"};
  const std::string want = path() + "/hub/models--org--tiny/snapshots/abc";
  for (const char* name : {"org/tiny", "tiny"}) {
    auto found = find_model(name, roots);
    ASSERT_TRUE(found.ok()) << message(found);
    EXPECT_EQ(*found, want);
  }
  EXPECT_EQ(*find_model(path(), roots), path());
  EXPECT_NE(message(find_model("org/huge", roots)).find("models--org--huge"), std::string::npos);
  put("hub/models--other--tiny/snapshots/abc/config.json", "{}");
  EXPECT_NE(message(find_model("tiny", roots)).find("want org/name"), std::string::npos);
}

}  // namespace
}  // namespace hearth
