// GGUF: the same model as its safetensors, and one clear line for every damaged file.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/support/gguf_writer.h"
#include "weights/checkpoint.h"

namespace hearth {
namespace {

using test::GgufWriter;
namespace fs = std::filesystem;

const std::string kModels = HEARTH_ROOT "/tests/fixtures/models/";

std::string message(const auto& result) { return result.ok() ? "(no error)" : result.message(); }

// A smallest model of architecture llama: one layer's worth of keys and an embedding.
GgufWriter small(const std::string& arch = "llama") {
  GgufWriter out;
  out.text("general.architecture", arch);
  for (const auto& [key, value] : {std::pair{"embedding_length", 64},
                                   {"feed_forward_length", 128},
                                   {"block_count", 1},
                                   {"attention.head_count", 4},
                                   {"context_length", 512}})
    out.number(arch + "." + key, static_cast<uint32_t>(value));
  out.number(arch + ".attention.layer_norm_rms_epsilon", 1e-5f);
  return out;
}

std::string floats(size_t count, float value = 1) {
  const std::vector<float> values(count, value);
  return test::encode_plain(values, test::ggml::kF32);
}

void add_embedding(GgufWriter& out) { out.tensor("token_embd.weight", {8, 64}, test::ggml::kF32, floats(512)); }

Result<Checkpoint> read(const std::string& file) {
  Checkpoint made;
  TRY_DONE(read_gguf(as_bytes(file), "weights: 'f'", made));
  return made;
}

// The rows of a rope_pairs tensor back in Hugging Face's order.
std::vector<float> unpermute(const std::vector<float>& from, int64_t rows, int64_t heads) {
  const int64_t in = static_cast<int64_t>(from.size()) / rows, head_dim = rows / heads;
  std::vector<float> to(from.size());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t head = row / head_dim, at = row % head_dim;
    const int64_t source = head * head_dim + (at % (head_dim / 2)) * 2 + at / (head_dim / 2);
    std::copy_n(from.begin() + source * in, in, to.begin() + row * in);
  }
  return to;
}

TEST(gguf, says_what_the_folder_says) {
  for (const char* name : {"llama", "llama3", "mistral", "qwen2", "qwen3"}) {
    for (uint32_t type : {test::ggml::kF32, test::ggml::kBF16}) {
      auto folder = open_checkpoint(kModels + name);
      ASSERT_TRUE(folder.ok()) << message(folder);
      const std::string file = test::gguf_of(*folder, {type});
      auto made = read(file);
      ASSERT_TRUE(made.ok()) << message(made);
      for (const char* key : {"model_type", "hidden_size", "intermediate_size", "num_hidden_layers",
                              "num_attention_heads", "num_key_value_heads", "vocab_size", "max_position_embeddings",
                              "tie_word_embeddings", "hidden_act", "bos_token_id", "eos_token_id"})
        EXPECT_EQ(made->config[key], folder->config[key]) << name << " " << key;
      EXPECT_EQ(made->config["attention_bias"], std::string(name) == "qwen2");
      EXPECT_EQ(made->config["rms_norm_eps"], folder->config["rms_norm_eps"]);  // the double as written, not the float
      EXPECT_EQ(made->config["head_dim"], std::string(name) == "qwen3" ? 32 : 16);
      EXPECT_EQ(has(made->config, "sliding_window"), std::string(name) == "mistral");
      EXPECT_EQ(has(made->config, "rope_freq_factors"), std::string(name) == "llama3");
      EXPECT_EQ(made->tensors.size(), folder->tensors.size() + (std::string(name) == "llama3"));
      for (const auto& [tensor_name, want] : folder->tensors) {
        ASSERT_TRUE(made->tensors.count(tensor_name)) << tensor_name;
        const Tensor& got = made->tensors.at(tensor_name);
        EXPECT_EQ(got.shape, want.shape);
        const bool q = tensor_name.find("q_proj") != std::string::npos,
                   k = tensor_name.find("k_proj") != std::string::npos;
        const bool pairs = (q || k) && name[0] != 'q';
        EXPECT_EQ(got.row_order == RowOrder::rope_pairs, pairs) << tensor_name;
        std::vector<float> values = test::floats_of(got);
        if (pairs) values = unpermute(values, got.shape[0], q ? 4 : 2);
        EXPECT_EQ(values, test::floats_of(want)) << tensor_name;
      }
    }
  }
}

TEST(gguf, reads_the_vocabulary) {
  GgufWriter out = small();
  add_embedding(out);
  out.text("tokenizer.ggml.model", "gpt2"), out.text("tokenizer.ggml.pre", "llama-bpe");
  out.texts("tokenizer.ggml.tokens",
            {"a", "b", "ab", "<|bos|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|im_end|>"});
  out.numbers("tokenizer.ggml.token_type", std::vector<int32_t>{1, 1, 1, 3, 3, 3, 3, 1});
  out.texts("tokenizer.ggml.merges", {"a b"});
  out.number("tokenizer.ggml.bos_token_id", uint32_t{3}), out.number("tokenizer.ggml.eos_token_id", uint32_t{6});
  out.number("tokenizer.ggml.eot_token_id", uint32_t{4}),
      out.number("tokenizer.ggml.unknown_token_id", uint32_t{0xFFFFFFFF});
  out.flag("tokenizer.ggml.add_bos_token", true), out.text("tokenizer.chat_template", "{{ bos_token }}");
  const std::string file = out.finish();
  auto made = read(file);
  ASSERT_TRUE(made.ok()) << message(made);
  EXPECT_EQ(made->config["bos_token_id"], 3);
  EXPECT_EQ(made->config["eos_token_id"], (Json{6, 4, 5}));  // said, said, and a control token known to end turns
  EXPECT_EQ(made->vocab["model"], "gpt2");
  EXPECT_EQ(made->vocab["pre"], "llama-bpe");
  EXPECT_EQ(made->vocab["merges"], Json{"a b"});
  EXPECT_EQ(made->vocab["types"].size(), 8u);
  EXPECT_EQ(made->vocab["add_bos"], true);
  EXPECT_FALSE(has(made->vocab, "add_eos"));
  EXPECT_FALSE(has(made->vocab, "unk"));
  EXPECT_EQ(made->tokenizer_config["bos_token"], "<|bos|>");
  EXPECT_EQ(made->tokenizer_config["eos_token"], "<|end_of_text|>");
  EXPECT_EQ(made->chat_template, "{{ bos_token }}");
}

TEST(gguf, reads_rope_scaling) {
  GgufWriter linear = small("qwen2");
  linear.text("qwen2.rope.scaling.type", "linear"), linear.number("qwen2.rope.scaling.factor", 4.0f);
  add_embedding(linear);
  std::string file = linear.finish();
  auto made = read(file);
  ASSERT_TRUE(made.ok()) << message(made);
  EXPECT_EQ(made->config["rope_scaling"], (Json{{"rope_type", "linear"}, {"factor", 4.0}}));
  GgufWriter yarn = small("qwen3");
  yarn.text("qwen3.rope.scaling.type", "yarn"), yarn.number("qwen3.rope.scaling.factor", 2.0);
  yarn.number("qwen3.rope.scaling.original_context_length", uint32_t{256}),
      yarn.number("qwen3.rope.scaling.yarn_beta_fast", 16.0f);
  add_embedding(yarn);
  file = yarn.finish();
  made = read(file);
  ASSERT_TRUE(made.ok()) << message(made);
  EXPECT_EQ(
      made->config["rope_scaling"],
      (Json{{"rope_type", "yarn"}, {"factor", 2.0}, {"original_max_position_embeddings", 256}, {"beta_fast", 16.0}}));
}

TEST(gguf, reads_block_types_and_versions) {
  const std::pair<uint32_t, std::pair<const char*, int>> types[] = {
      {test::ggml::kQ8_0, {"q8_0", 34}},  {test::ggml::kQ4_0, {"q4_0", 18}},  {test::ggml::kQ4_K, {"q4_k", 144}},
      {test::ggml::kQ5_K, {"q5_k", 176}}, {test::ggml::kQ6_K, {"q6_k", 210}}, {test::ggml::kF16, {"f16", 2}}};
  for (uint32_t version : {2u, 3u}) {
    for (const auto& [id, want] : types) {
      GgufWriter out = small();
      out.version = version;
      const int64_t block = want.second < 3 ? 1 : want.second < 100 ? 32 : 256;
      out.tensor("token_embd.weight", {3, 512}, id,
                 std::string(static_cast<size_t>(3 * 512 / block * want.second), 'x'));
      const std::string file = out.finish();
      auto made = read(file);
      ASSERT_TRUE(made.ok()) << message(made);
      EXPECT_EQ(made->tensors.begin()->second.storage.name, want.first);
      EXPECT_EQ(made->tensors.begin()->second.storage.block, block);
    }
  }
}

TEST(gguf, alignment_moves_the_data) {
  GgufWriter out = small();
  out.alignment = 128;
  out.number("general.alignment", uint32_t{128});
  out.tensor("output_norm.weight", {64}, test::ggml::kF32, floats(64, 7));
  add_embedding(out);
  const std::string file = out.finish();
  auto made = read(file);
  ASSERT_TRUE(made.ok()) << message(made);
  EXPECT_EQ(test::floats_of(made->tensors.at("model.norm.weight")), std::vector<float>(64, 7.0f));
  EXPECT_EQ(test::floats_of(made->tensors.at("model.embed_tokens.weight")), std::vector<float>(512, 1.0f));
}

TEST(gguf, names_unknown_architectures_types_and_tensors) {
  GgufWriter falcon = small("falcon");
  add_embedding(falcon);
  EXPECT_NE(message(read(falcon.finish())).find("architecture 'falcon', want one of llama, qwen2, qwen3"),
            std::string::npos);
  const std::pair<uint32_t, const char*> types[] = {{3, "ggml type Q4_1"},
                                                    {6, "Q5_0"},
                                                    {10, "Q2_K"},
                                                    {23, "IQ4_XS"},
                                                    {34, "TQ1_0"},
                                                    {39, "MXFP4"},
                                                    {24, "I8"},
                                                    {4, "Q4_2 (removed"},
                                                    {999, "number 999, which is not known"}};
  for (const auto& [id, want] : types) {
    GgufWriter out = small();
    out.tensor("token_embd.weight", {8, 256}, id, floats(4096));
    const std::string got = message(read(out.finish()));
    EXPECT_NE(got.find(want), std::string::npos) << got;
    EXPECT_NE(got.find("tensor 'token_embd.weight'"), std::string::npos) << got;
  }
  for (const char* name :
       {"blk.0.ffn_gate_inp.weight", "blk.7.attn_q.weight", "blk.00.attn_q.weight", "blk.x.attn_q.weight", "odd"}) {
    GgufWriter out = small();
    add_embedding(out);
    out.tensor(name, {64, 64}, test::ggml::kF32, floats(4096));
    EXPECT_NE(message(read(out.finish())).find(name), std::string::npos) << name;
  }
}

// A damaged file, and what its line must say.
struct Damage {
  std::function<void(GgufWriter&)> damage;
  const char* want;
};

void expect_refused(const std::vector<Damage>& cases) {
  for (const auto& [damage, want] : cases) {
    GgufWriter out = small();
    add_embedding(out);
    damage(out);
    const std::string got = message(read(out.finish()));
    EXPECT_NE(got.find(want), std::string::npos) << "want " << want << ", got " << got;
    EXPECT_TRUE(got.starts_with("weights: 'f': ")) << got;
    EXPECT_EQ(got.find('\n'), std::string::npos) << got;
  }
}

TEST(gguf, names_what_is_wrong_in_the_container) {
  constexpr uint64_t kHuge = uint64_t{1} << 63;
  const auto bytes_of = [](auto... values) {
    std::string out;
    (out.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
    return out;
  };
  expect_refused({
      {[](auto& w) { w.version = 1; }, "GGUF version 1, want 2 or 3"},
      {[](auto& w) { w.version = 0x03000000; }, "big-endian"},
      {[](auto& w) { w.text("general.architecture", "llama"); }, "'general.architecture': got the same key twice"},
      {[](auto& w) { w.text("bad\xff", "x"); }, "name 'bad\\xff': got bytes that are no UTF-8"},
      {[](auto& w) { w.text("a\nb", "x"); }, "control characters"},
      {[](auto& w) { w.text("", "x"); }, "empty metadata name"},
      {[](auto& w) { w.raw_value("k", 13, "x"); }, "value type 13"},
      {[&](auto& w) { w.raw_value("k", 9, bytes_of(uint32_t{9}, uint64_t{1})); }, "array of arrays"},
      {[&](auto& w) { w.raw_value("k", 9, bytes_of(uint32_t{4}, kHuge)); }, "cut short"},
      {[&](auto& w) { w.raw_value("k", 9, bytes_of(uint32_t{8}, kHuge)); }, "'k'"},
      {[&](auto& w) { w.raw_value("k", 8, bytes_of(~uint64_t{0})); }, "cut short"},
      {[](auto& w) { w.number("general.alignment", uint32_t{0}); }, "'general.alignment': got 0"},
      {[](auto& w) { w.number("general.alignment", uint32_t{33}); }, "'general.alignment': got 33"},
      {[](auto& w) { w.text("general.alignment", "x"); }, "'general.alignment': got string, want an integer"},
      {[](auto& w) { w.raw_tensor("t", {0}, 0, 0); }, "got an axis of 0"},
      {[](auto& w) { w.raw_tensor("t", {-1}, 0, 0); }, "got an axis of 18446744073709551615"},
      {[](auto& w) { w.raw_tensor("t", {}, 0, 0); }, "got 0 axes"},
      {[](auto& w) {
         w.raw_tensor("t", {1, 1, 1, 1, 1}, 0, 0);
       },
       "got 5 axes"},
      {[](auto& w) {
         w.raw_tensor("t", {int64_t{1} << 32, int64_t{1} << 32}, 0, 0);
       },
       "does not fit into 64 bits"},
      {[](auto& w) { w.raw_tensor("t", {int64_t{1} << 40}, 0, 0); }, "cut short"},
      {[](auto& w) { w.raw_tensor("t", {8}, 0, ~uint64_t{31}); }, "cut short"},
      {[](auto& w) { w.raw_tensor("t", {8}, 0, 7); }, "multiple of the alignment"},
      {[](auto& w) { w.raw_tensor("t", {8}, 0, 32); }, "overlap at byte 32"},
      {[](auto& w) { w.raw_tensor("t", {33}, 2, 0); }, "multiple of q4_0's block of 32"},
      {[](auto& w) { w.raw_tensor("\xc0\xaf", {8}, 0, 0); }, "no UTF-8"},
  });
  EXPECT_NE(message(read("GGML")).find("does not begin with GGUF"), std::string::npos);
}

TEST(gguf, names_what_is_wrong_in_the_model) {
  expect_refused({
      {[](auto& w) { w.number("llama.attention.head_count_kv", uint32_t{3}); }, "4 heads with 3 key-value heads"},
      {[](auto& w) { w.number("llama.attention.head_count_kv", int32_t{-1}); }, "got -1, want 1 to"},
      {[](auto& w) { w.numbers("llama.attention.head_count_kv", std::vector<int32_t>{4}); }, "got an array of 1 i32"},
      {[](auto& w) { w.number("llama.expert_count", uint32_t{8}); }, "'llama.expert_count': got 8"},
      {[](auto& w) { w.number("llama.rope.freq_base", std::nanf("")); }, "want a finite number"},
      {[](auto& w) { w.text("llama.rope.scaling.type", "longrope"); }, "got 'longrope', want none, linear or yarn"},
      {[](auto& w) { w.number("llama.rope.dimension_count", uint32_t{17}); }, "want an even number"},
      {[](auto& w) { w.number("split.count", uint16_t{3}); }, "got part 1 of 3, want a whole file"},
      {[](auto& w) {
         w.tensor("token_embd.weight", {8, 64}, 0, floats(512));
       },
       "got the same tensor twice"},
      {[](auto& w) {
         w.numbers("tokenizer.ggml.tokens", std::vector<int32_t>{1}), w.text("tokenizer.ggml.model", "gpt2");
       },
       "'tokenizer.ggml.tokens': got an array of 1 i32"},
      {[](auto& w) { w.text("tokenizer.ggml.model", "gpt2"); }, "'tokenizer.ggml.tokens' is missing"},
      {[](auto& w) {
         w.text("tokenizer.ggml.model", "gpt2"), w.texts("tokenizer.ggml.tokens", {"a"});
         w.number("tokenizer.ggml.bos_token_id", uint32_t{1});
       },
       "got token 1, want less than the vocabulary's 1"},
      {[](auto& w) {
         w.text("tokenizer.ggml.model", "llama"), w.texts("tokenizer.ggml.tokens", {"a"});
         w.numbers("tokenizer.ggml.scores", std::vector<float>{0, 1});
       },
       "got 2 values for 1 tokens"},
  });
  EXPECT_NE(message(read(small().finish())).find("a vocabulary only"), std::string::npos);
}

TEST(gguf, missing_keys_are_named) {
  GgufWriter out;
  out.text("general.architecture", "qwen3");
  add_embedding(out);
  EXPECT_NE(message(read(out.finish())).find("'qwen3.embedding_length' is missing"), std::string::npos);
}

// A hostile count ends at once: nothing is allocated by what a header promises.
TEST(gguf, hostile_counts_cost_nothing) {
  std::string file = small().finish();
  for (size_t at : {8u, 16u}) {
    std::string hostile = file;
    std::memset(hostile.data() + at, 0xFF, 8);
    EXPECT_NE(message(read(hostile)).find("cut short"), std::string::npos) << message(read(hostile));
  }
}

TEST(gguf, survives_truncation_and_flips) {
  GgufWriter out = small();
  out.tensor("token_embd.weight", {8, 64}, test::ggml::kBF16, std::string(1024, 'x'));
  const std::string file = out.finish();
  for (size_t size = 0; size < file.size(); ++size) EXPECT_FALSE(read(file.substr(0, size)).ok()) << size;
  for (size_t bit = 0; bit < (file.size() - 1024) * 8; ++bit) {
    std::string flipped = file;
    flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_EQ(message(read(flipped)).find('\n'), std::string::npos);
  }
}

// Vocabularies of well-known models, of architectures Hearth cannot run too.
TEST(gguf, real_vocabularies_open) {
  const char* elsewhere = std::getenv("HEARTH_REAL_FIXTURES");
  const fs::path folder = fs::path(elsewhere ? elsewhere : HEARTH_ROOT "/../shared/fixtures/real") / "gguf-vocab";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder << ": set HEARTH_REAL_FIXTURES";
  const std::pair<const char*, size_t> cases[] = {
      {"deepseek-coder", 32256}, {"falcon", 65024}, {"gpt-2", 50257}, {"llama-spm", 32000}};
  for (const auto& [name, tokens] : cases) {
    auto made = open_tokenizer((folder / fmt::format("ggml-vocab-{}.gguf", name)).string());
    ASSERT_TRUE(made.ok()) << message(made);
    EXPECT_EQ(made->vocab["tokens"].size(), tokens);
    EXPECT_EQ(made->vocab["types"].size(), tokens);
    EXPECT_EQ(has(made->vocab, "merges"), made->vocab["model"] == "gpt2");
    EXPECT_TRUE(has(made->vocab, "bos") && has(made->vocab, "eos"));
  }
}

TEST(gguf, split_files_join) {
  const fs::path folder = fs::temp_directory_path() / ("hearth_split_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const auto put = [&](const std::string& name, const GgufWriter& writer) {
    const std::string bytes = writer.finish();
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  const auto mark = [](GgufWriter& out, uint16_t index) {
    out.number("split.no", index), out.number("split.count", uint16_t{2}),
        out.number("split.tensors.count", int32_t{2});
  };
  GgufWriter first = small(), second;
  add_embedding(first), mark(first, 0), mark(second, 1);
  second.tensor("output_norm.weight", {64}, test::ggml::kF32, floats(64));
  put("m-00001-of-00002.gguf", first), put("m-00002-of-00002.gguf", second), put("odd.gguf", first);
  auto made = open_checkpoint((folder / "m-00001-of-00002.gguf").string());
  ASSERT_TRUE(made.ok()) << message(made);
  EXPECT_EQ(made->tensors.size(), 2u);
  EXPECT_EQ(made->files.size(), 2u);
  const auto refusal = [&](const char* name) { return message(open_checkpoint((folder / name).string())); };
  EXPECT_NE(refusal("m-00002-of-00002.gguf").find("want the first part"), std::string::npos);
  EXPECT_NE(refusal("odd.gguf").find("-00001-of-00002.gguf"), std::string::npos);
  fs::remove(folder / "odd.gguf");
  EXPECT_EQ(open_checkpoint(folder.string()).ok(), true) << message(open_checkpoint(folder.string()));
  put("m-00002-of-00002.gguf", first);
  EXPECT_NE(refusal("m-00001-of-00002.gguf").find("got part 1 of 2, want part 2 of 2"), std::string::npos);
  fs::remove(folder / "m-00002-of-00002.gguf");
  EXPECT_NE(refusal("m-00001-of-00002.gguf").find("cannot open"), std::string::npos);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace hearth
