// GGUF files for tests: any metadata and tensors, and a Hugging Face checkpoint as llama.cpp converts it.
//
//   GgufWriter w;  w.text("general.architecture", "llama");  w.tensor("token_embd.weight", {512, 64}, ggml::kF32,
//   bytes); std::string file = w.finish(); std::string same = gguf_of(*open_checkpoint(HEARTH_ROOT
//   "/tests/fixtures/models/llama"), {ggml::kF16});
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <numbers>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "weights/checkpoint.h"

namespace hearth::test {

namespace ggml {
constexpr uint32_t kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ8_0 = 8, kQ4_K = 12, kQ5_K = 13, kQ6_K = 14, kBF16 = 30;
}

// Writes what it is told, true or not: hostile files are made with it too.
class GgufWriter {
 public:
  uint32_t version = 3;
  uint64_t alignment = 32;  // written as metadata by number("general.alignment", ...) if not 32

  template <class T>
  void number(std::string_view key, T value) {
    put_key(key), put(values_, type_of<T>()), put(values_, value), ++value_count_;
  }
  void flag(std::string_view key, bool value) {
    put_key(key), put(values_, uint32_t{7}), put(values_, static_cast<uint8_t>(value)), ++value_count_;
  }
  void text(std::string_view key, std::string_view value) {
    put_key(key), put(values_, uint32_t{8}), put_text(values_, value), ++value_count_;
  }
  template <class T>
  void numbers(std::string_view key, const std::vector<T>& list) {
    put_array(key, type_of<T>(), list.size());
    for (T value : list) put(values_, value);
  }
  void texts(std::string_view key, const std::vector<std::string>& list) {
    put_array(key, 8, list.size());
    for (const std::string& value : list) put_text(values_, value);
  }
  void raw_value(std::string_view key, uint32_t type, std::string_view bytes) {
    put_key(key), put(values_, type), values_ += bytes, ++value_count_;
  }

  // `shape` outermost first; `bytes` as they are to lie in the file.
  void tensor(std::string_view name, const std::vector<int64_t>& shape, uint32_t type, std::string_view bytes) {
    pad(data_);
    raw_tensor(name, shape, type, data_.size());
    data_ += bytes;
  }
  void raw_tensor(std::string_view name, const std::vector<int64_t>& shape, uint32_t type, uint64_t offset) {
    put_text(infos_, name);
    put(infos_, static_cast<uint32_t>(shape.size()));
    for (size_t i = shape.size(); i-- > 0;) put(infos_, static_cast<uint64_t>(shape[i]));
    put(infos_, type), put(infos_, offset), ++tensor_count_;
  }

  std::string finish() const {
    std::string file = "GGUF";
    put(file, version), put(file, tensor_count_), put(file, value_count_);
    file += values_ + infos_;
    if (tensor_count_ == 0) return file;
    pad(file);
    return file + data_;
  }

 private:
  template <class T>
  static constexpr uint32_t type_of() {
    if (std::is_same_v<T, float>) return 6;
    if (std::is_same_v<T, double>) return 12;
    constexpr uint32_t kUnsigned[] = {0, 2, 4, 10}, kSigned[] = {1, 3, 5, 11};  // by log2 of the size
    return (std::is_signed_v<T> ? kSigned : kUnsigned)[std::bit_width(sizeof(T)) - 1];
  }
  template <class T>
  static void put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  static void put_text(std::string& out, std::string_view text) { put(out, uint64_t{text.size()}), out += text; }
  void put_key(std::string_view key) { put_text(values_, key); }
  void put_array(std::string_view key, uint32_t element, size_t count) {
    put_key(key), put(values_, uint32_t{9}), put(values_, element), put(values_, uint64_t{count}), ++value_count_;
  }
  void pad(std::string& out) const { out.resize((out.size() + alignment - 1) / alignment * alignment); }

  std::string values_, infos_, data_;
  uint64_t value_count_ = 0, tensor_count_ = 0;
};

// f32, f16 or bf16 elements as float32.
inline std::vector<float> floats_of(const Tensor& tensor) {
  const bool wide = tensor.storage.name == "f32", half = tensor.storage.name == "f16";
  std::vector<float> out(tensor.bytes.size() / (wide ? 4 : 2));
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t bits = 0;
    if (wide)
      std::memcpy(&out[i], tensor.bytes.data() + i * 4, 4);
    else
      std::memcpy(&bits, tensor.bytes.data() + i * 2, 2), out[i] = half ? f16_to_f32(bits) : bf16_to_f32(bits);
  }
  return out;
}

// f32, f16 or bf16 bytes of `values`.
inline std::string encode_plain(std::span<const float> values, uint32_t type) {
  if (type == ggml::kF32) return std::string(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  std::string out(values.size() * 2, '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = type == ggml::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
    std::memcpy(out.data() + i * 2, &bits, 2);
  }
  return out;
}

// Rows as llama.cpp's converter writes q and k of architecture llama: reshape(heads, 2, head_dim/2, in).swapaxes(1, 2).
inline std::vector<float> permute_rows(const std::vector<float>& from, int64_t rows, int64_t heads) {
  const int64_t in = static_cast<int64_t>(from.size()) / rows, head_dim = rows / heads, half = head_dim / 2;
  std::vector<float> to(from.size());
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t part = 0; part < 2; ++part)
      for (int64_t i = 0; i < half; ++i)
        std::memcpy(&to[(h * head_dim + i * 2 + part) * in], &from[(h * head_dim + part * half + i) * in], in * 4);
  return to;
}

struct GgufOptions {
  uint32_t type = ggml::kF32;  // of every tensor with two axes
  // Bytes of a tensor's rows for the block types; unset: encode_plain.
  std::function<std::string(std::span<const float> values, int64_t row)> encode = {};
  bool with_vocab = true;  // made-up byte-fallback vocabulary of the model's size
};

// model.layers.3.self_attn.q_proj.weight -> blk.3.attn_q.weight
inline std::string gguf_name(std::string name) {
  static const std::pair<const char*, const char*> kParts[] = {{"model.embed_tokens.", "token_embd."},
                                                               {"model.norm.", "output_norm."},
                                                               {"lm_head.", "output."},
                                                               {"model.layers.", "blk."},
                                                               {"self_attn.q_proj.", "attn_q."},
                                                               {"self_attn.k_proj.", "attn_k."},
                                                               {"self_attn.v_proj.", "attn_v."},
                                                               {"self_attn.o_proj.", "attn_output."},
                                                               {"self_attn.q_norm.", "attn_q_norm."},
                                                               {"self_attn.k_norm.", "attn_k_norm."},
                                                               {"mlp.gate_proj.", "ffn_gate."},
                                                               {"mlp.up_proj.", "ffn_up."},
                                                               {"mlp.down_proj.", "ffn_down."},
                                                               {"post_attention_layernorm.", "ffn_norm."},
                                                               {"input_layernorm.", "attn_norm."}};
  for (const auto& [from, to] : kParts)
    if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, std::strlen(from), to);
  return name;
}

inline std::vector<float> llama3_factors(const Json& scaling, double base, int64_t head_dim) {
  const double factor = scaling["factor"], low = scaling["low_freq_factor"], high = scaling["high_freq_factor"];
  const double context = scaling["original_max_position_embeddings"];
  std::vector<float> out;
  for (int64_t i = 0; i < head_dim; i += 2) {
    const double wave = 2 * std::numbers::pi * std::pow(base, static_cast<double>(i) / static_cast<double>(head_dim));
    const double smooth = (context / wave - low) / (high - low);
    out.push_back(static_cast<float>(wave < context / high  ? 1
                                     : wave > context / low ? factor
                                                            : 1 / ((1 - smooth) / factor + smooth)));
  }
  return out;
}

inline void add_test_vocab(GgufWriter& out, const Json& config) {
  const int64_t size = config["vocab_size"];
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  for (int64_t i = 0; i < size; ++i) {
    const bool special = i < 3, byte = !special && i < 3 + 256;
    tokens.push_back(special ? std::vector<std::string>{"<unk>", "<s>", "</s>"}[static_cast<size_t>(i)]
                     : byte  ? fmt::format("<0x{:02X}>", i - 3)
                             : fmt::format("w{}", i));
    types.push_back(i == 0 ? 2 : special ? 3 : byte ? 6 : 1);
  }
  out.text("tokenizer.ggml.model", "llama"), out.text("tokenizer.ggml.pre", "default");
  out.texts("tokenizer.ggml.tokens", tokens), out.numbers("tokenizer.ggml.token_type", types);
  out.numbers("tokenizer.ggml.scores", std::vector<float>(tokens.size(), 0.0f));
  out.number("tokenizer.ggml.bos_token_id", uint32_t{1}), out.number("tokenizer.ggml.eos_token_id", uint32_t{2});
  out.number("tokenizer.ggml.unknown_token_id", uint32_t{0}), out.flag("tokenizer.ggml.add_bos_token", true);
}

// The metadata llama.cpp's converter writes for a llama, mistral, qwen2 or qwen3 config.
inline void add_config(GgufWriter& out, const Json& config) {
  const std::string type = config["model_type"], arch = type == "mistral" ? "llama" : type;
  const auto count = [&](const char* key, const char* from) {
    if (has(config, from)) out.number(arch + "." + key, config[from].get<uint32_t>());
  };
  out.text("general.architecture", arch), out.text("general.name", "fixture");
  count("block_count", "num_hidden_layers"), count("context_length", "max_position_embeddings");
  count("embedding_length", "hidden_size"), count("feed_forward_length", "intermediate_size");
  count("attention.head_count", "num_attention_heads"), count("attention.head_count_kv", "num_key_value_heads");
  count("attention.key_length", "head_dim"), count("attention.value_length", "head_dim");
  if (type == "mistral") count("attention.sliding_window", "sliding_window");
  out.number(arch + ".attention.layer_norm_rms_epsilon", config["rms_norm_eps"].get<float>());
  const Json& rope = has(config, "rope_parameters") ? config["rope_parameters"] : config;
  out.number(arch + ".rope.freq_base", rope["rope_theta"].get<float>());
}

// `model` (a Hugging Face folder, opened) as the bytes of a GGUF file: names, order of rows and types as llama.cpp
// converts.
inline std::string gguf_of(const Checkpoint& model, const GgufOptions& options = {}) {
  const Json& config = model.config;
  const bool permuted = config["model_type"] == "llama" || config["model_type"] == "mistral";
  const int64_t heads = config["num_attention_heads"], kv_heads = config["num_key_value_heads"];
  GgufWriter out;
  add_config(out, config);
  if (options.with_vocab) add_test_vocab(out, config);
  for (const auto& [name, tensor] : model.tensors) {
    std::vector<float> values = floats_of(tensor);
    const bool q = name.find(".q_proj.") != std::string::npos, k = name.find(".k_proj.") != std::string::npos;
    if (permuted && (q || k)) values = permute_rows(values, tensor.shape[0], q ? heads : kv_heads);
    const bool matrix = tensor.shape.size() > 1;  // norms and biases stay F32
    const uint32_t type = matrix ? options.type : ggml::kF32;
    const std::string bytes =
        matrix && options.encode ? options.encode(values, tensor.shape.back()) : encode_plain(values, type);
    out.tensor(gguf_name(name), tensor.shape, type, bytes);
  }
  if (has(config, "rope_scaling") && config["rope_scaling"].value("rope_type", "") == "llama3") {
    const int64_t head_dim =
        has(config, "head_dim") ? config["head_dim"].get<int64_t>() : config["hidden_size"].get<int64_t>() / heads;
    const std::vector<float> factors = llama3_factors(config["rope_scaling"], config["rope_theta"], head_dim);
    out.tensor("rope_freqs.weight", {static_cast<int64_t>(factors.size())}, ggml::kF32,
               encode_plain(factors, ggml::kF32));
  }
  return out.finish();
}

}  // namespace hearth::test
