// GGUF into the Hugging Face dialect: config keys and tensor names by table, one row an architecture.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <set>

#include "weights/checks.h"
#include "weights/gguf.h"

namespace hearth {
namespace {

constexpr int64_t kMaxCount = int64_t{1} << 31;  // no width, depth or length of a real model comes near

// A tensor's GGUF name (`blk.N.` left off for those of a layer) and its Hugging Face name (`model.layers.N.` left off).
struct NameRow {
  std::string_view gguf, hf;
  bool rotary = false;  // rows follow the architecture's rotary order
};

constexpr NameRow kModelNames[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
    {"output.bias", "lm_head.bias"},
    {"rope_freqs.weight", "rope_freqs.weight"},
};

constexpr NameRow kLayerNames[] = {
    {"attn_norm.weight", "input_layernorm.weight"},    {"attn_q.weight", "self_attn.q_proj.weight", true},
    {"attn_q.bias", "self_attn.q_proj.bias", true},    {"attn_k.weight", "self_attn.k_proj.weight", true},
    {"attn_k.bias", "self_attn.k_proj.bias", true},    {"attn_v.weight", "self_attn.v_proj.weight"},
    {"attn_v.bias", "self_attn.v_proj.bias"},          {"attn_output.weight", "self_attn.o_proj.weight"},
    {"attn_output.bias", "self_attn.o_proj.bias"},     {"attn_q_norm.weight", "self_attn.q_norm.weight"},
    {"attn_k_norm.weight", "self_attn.k_norm.weight"}, {"ffn_norm.weight", "post_attention_layernorm.weight"},
    {"ffn_gate.weight", "mlp.gate_proj.weight"},       {"ffn_gate.bias", "mlp.gate_proj.bias"},
    {"ffn_up.weight", "mlp.up_proj.weight"},           {"ffn_up.bias", "mlp.up_proj.bias"},
    {"ffn_down.weight", "mlp.down_proj.weight"},       {"ffn_down.bias", "mlp.down_proj.bias"},
};

struct Architecture {
  std::string_view gguf, model_type;
  std::string_view windowed_type;  // model_type if the metadata names a sliding window
  RowOrder rotary_order;
};

constexpr Architecture kArchitectures[] = {
    {"llama", "llama", "mistral", RowOrder::rope_pairs},  // Hugging Face's llama knows no window, its mistral does
    {"qwen2", "qwen2", "qwen2", RowOrder::plain},
    {"qwen3", "qwen3", "qwen3", RowOrder::plain},
};

enum class Need { required, optional };

// <architecture>.<gguf> -> config[hf]
struct KeyRow {
  std::string_view gguf, hf;
  Need need;
};

constexpr KeyRow kCountKeys[] = {
    {"embedding_length", "hidden_size", Need::required},
    {"feed_forward_length", "intermediate_size", Need::required},
    {"block_count", "num_hidden_layers", Need::required},
    {"attention.head_count", "num_attention_heads", Need::required},
    {"attention.head_count_kv", "num_key_value_heads", Need::optional},
    {"context_length", "max_position_embeddings", Need::required},
    {"attention.key_length", "head_dim", Need::optional},
    {"attention.sliding_window", "sliding_window", Need::optional},
};

constexpr KeyRow kNumberKeys[] = {
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", Need::required},
    {"rope.freq_base", "rope_theta", Need::optional},
};

// Metadata that would change the sum and that no row above says: wrong tokens are worse than an error.
constexpr std::string_view kRefusedKeys[] = {"expert_count", "attention.max_alibi_bias", "attention.clamp_kqv",
                                             "logit_scale", "attention.scale"};

Result<const Architecture*> find_architecture(const GgufFile& file, std::string_view who) {
  TRY(const auto name, find_string(file, "general.architecture", who));
  if (!name) return error("{}: metadata 'general.architecture' is missing, want a model's architecture", who);
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.gguf == *name) return &architecture;
    known += (known.empty() ? "" : ", ") + std::string(architecture.gguf);
  }
  return error("{}: got architecture {}, want one of {}", who, shown(*name), known);
}

// What translating one file needs at every step.
struct Work {
  GgufFile& file;
  std::string_view who;
  const Architecture& architecture;
  Json& config;
  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture.gguf, name); }
};

Result<Done> translate_keys(const Work& work) {
  for (const KeyRow& row : kCountKeys) {
    TRY(const auto value, find_int(work.file, work.key(row.gguf), work.who));
    if (!value && row.need == Need::required)
      return error("{}: metadata '{}' is missing, want an integer", work.who, work.key(row.gguf));
    if (!value) continue;
    const bool absent = *value == 0 && row.need == Need::optional;
    if (absent) continue;
    if (*value < 1 || *value > kMaxCount)
      return error("{}: metadata '{}': got {}, want 1 to {}", work.who, work.key(row.gguf), *value, kMaxCount);
    work.config[std::string(row.hf)] = *value;
  }
  for (const KeyRow& row : kNumberKeys) {
    TRY(const auto value, find_number(work.file, work.key(row.gguf), work.who));
    if (!value && row.need == Need::required)
      return error("{}: metadata '{}' is missing, want a number", work.who, work.key(row.gguf));
    if (value && !(*value > 0))
      return error("{}: metadata '{}': got {}, want more than 0", work.who, work.key(row.gguf), *value);
    if (value) work.config[std::string(row.hf)] = *value;
  }
  for (std::string_view name : kRefusedKeys) {
    TRY(const auto value, find_number(work.file, work.key(name), work.who));
    if (value && *value != 0)
      return error("{}: metadata '{}': got {}, which is not known for '{}': want 0 or none", work.who, work.key(name),
                   *value, work.architecture.gguf);
  }
  return Done{};
}

// What follows from other keys: defaults, the head's width, the model_type.
Result<Done> derive_keys(const Work& work) {
  Json& config = work.config;
  const int64_t heads = config["num_attention_heads"];
  if (!config.contains("num_key_value_heads")) config["num_key_value_heads"] = heads;
  if (heads % config["num_key_value_heads"].get<int64_t>() != 0)
    return error("{}: got {} heads with {} key-value heads, want a multiple", work.who, heads,
                 config["num_key_value_heads"].get<int64_t>());
  if (!config.contains("rope_theta")) config["rope_theta"] = 10000.0;
  if (!config.contains("head_dim")) {
    const int64_t hidden = config["hidden_size"];
    if (hidden % heads != 0) return error("{}: got width {} with {} heads, want a multiple", work.who, hidden, heads);
    config["head_dim"] = hidden / heads;
  }
  const int64_t head_dim = config["head_dim"];
  TRY(const auto values, find_int(work.file, work.key("attention.value_length"), work.who));
  if (values && *values != head_dim)
    return error("{}: metadata '{}': got {}, want the keys' {}", work.who, work.key("attention.value_length"), *values,
                 head_dim);
  TRY(const auto rotated, find_int(work.file, work.key("rope.dimension_count"), work.who));
  if (rotated && *rotated != head_dim) {
    if (*rotated < 2 || *rotated > head_dim || *rotated % 2 != 0)
      return error("{}: metadata '{}': got {}, want an even number up to {}", work.who,
                   work.key("rope.dimension_count"), *rotated, head_dim);
    config["partial_rotary_factor"] = static_cast<double>(*rotated) / static_cast<double>(head_dim);
  }
  const bool windowed = config.contains("sliding_window");
  config["model_type"] = windowed ? work.architecture.windowed_type : work.architecture.model_type;
  config["hidden_act"] = "silu";
  return Done{};
}

Result<Done> translate_yarn(const Work& work, double factor, Json& scaling) {
  constexpr KeyRow kKeys[] = {{"rope.scaling.yarn_beta_fast", "beta_fast", Need::optional},
                              {"rope.scaling.yarn_beta_slow", "beta_slow", Need::optional}};
  for (const KeyRow& row : kKeys) {
    TRY(const auto value, find_number(work.file, work.key(row.gguf), work.who));
    if (value) scaling[std::string(row.hf)] = *value;
  }
  // llama.cpp multiplies its own 1 + 0.1 ln(factor) by attn_factor; Hugging Face's attention_factor is the product.
  TRY(auto scale, find_number(work.file, work.key("rope.scaling.attn_factor"), work.who));
  if (!scale) {
    TRY(scale, find_number(work.file, work.key("rope.scaling.yarn_attn_factor"), work.who));
  }
  if (scale && *scale != 1.0) scaling["attention_factor"] = *scale * (1.0 + 0.1 * std::log(factor));
  return Done{};
}

// rope.scaling.* -> rope_scaling
Result<Done> translate_rope_scaling(const Work& work) {
  TRY(const auto type, find_string(work.file, work.key("rope.scaling.type"), work.who));
  TRY(auto factor, find_number(work.file, work.key("rope.scaling.factor"), work.who));
  if (!factor) {
    TRY(factor, find_number(work.file, work.key("rope.scale_linear"), work.who));  // what files of 2023 say
  }
  const std::string kind = type.value_or(factor ? "linear" : "none");
  if (kind == "none" || (kind == "linear" && factor.value_or(1.0) == 1.0)) return Done{};
  if (kind != "linear" && kind != "yarn")
    return error("{}: metadata '{}': got {}, want none, linear or yarn", work.who, work.key("rope.scaling.type"),
                 shown(kind));
  if (!factor || !(*factor > 0))
    return error("{}: metadata '{}': got {}, want more than 0", work.who, work.key("rope.scaling.factor"),
                 factor.value_or(0.0));
  Json scaling = {{"rope_type", kind}, {"factor", *factor}};
  TRY(const auto original, find_int(work.file, work.key("rope.scaling.original_context_length"), work.who));
  if (original && *original > 0) scaling["original_max_position_embeddings"] = *original;
  if (kind == "yarn") TRY_DONE(translate_yarn(work, *factor, scaling));
  work.config["rope_scaling"] = std::move(scaling);
  return Done{};
}

template <size_t n>
const NameRow* find_row(const NameRow (&rows)[n], std::string_view name) {
  const NameRow* row = std::find_if(rows, rows + n, [&](const NameRow& r) { return r.gguf == name; });
  return row == rows + n ? nullptr : row;
}

struct Renamed {
  std::string hf;
  bool rotary = false;
};

// blk.7.attn_q.weight -> model.layers.7.self_attn.q_proj.weight
Result<Renamed> rename(const Work& work, std::string_view name) {
  if (const NameRow* row = find_row(kModelNames, name)) return Renamed{std::string(row->hf), row->rotary};
  constexpr std::string_view kBlock = "blk.";
  if (name.starts_with(kBlock)) {
    const std::string_view rest = name.substr(kBlock.size());
    int64_t layer = -1;
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
    const size_t digits = static_cast<size_t>(end - rest.data());
    const bool numbered = code == std::errc() && layer >= 0 && digits < rest.size() && rest[digits] == '.' &&
                          (digits == 1 || rest[0] != '0');
    const int64_t layers = work.config["num_hidden_layers"];
    if (numbered && layer >= layers)
      return error("{}: tensor {}: got layer {}, want less than the {} of '{}'", work.who, shown(name), layer, layers,
                   work.key("block_count"));
    if (numbered)
      if (const NameRow* row = find_row(kLayerNames, rest.substr(digits + 1)))
        return Renamed{fmt::format("model.layers.{}.{}", layer, row->hf), row->rotary};
  }
  return error("{}: tensor {}: got a tensor that architecture '{}' is not known to have", work.who, shown(name),
               work.architecture.gguf);
}

// Frequency factors (llama3's rope scaling) as numbers, so that a model needs no tensor to build its graph.
Result<Json> frequency_factors(const Tensor& tensor, std::string_view who) {
  if (tensor.storage.name != "f32" || tensor.shape.size() != 1)
    return error("{}: tensor 'rope_freqs.weight': got {} with {} axes, want f32 with one", who, tensor.storage.name,
                 tensor.shape.size());
  if (tensor.shape[0] > 65536)
    return error("{}: tensor 'rope_freqs.weight': got {} factors, want half a head", who, tensor.shape[0]);
  Json factors = Json::array();
  for (int64_t i = 0; i < tensor.shape[0]; ++i) {
    float factor;
    std::memcpy(&factor, tensor.bytes.data() + i * 4, 4);
    if (!std::isfinite(factor) || factor <= 0)
      return error("{}: tensor 'rope_freqs.weight': got factor {}, want more than 0", who, factor);
    factors.push_back(factor);
  }
  return factors;
}

Result<Done> translate_tensors(const Work& work, Checkpoint& into) {
  for (GgufTensor& from : work.file.tensors) {
    TRY(Renamed name, rename(work, from.name));
    if (name.rotary) from.tensor.row_order = work.architecture.rotary_order;
    if (!into.tensors.emplace(name.hf, std::move(from.tensor)).second)
      return error("{}: tensor {}: got the same tensor twice", work.who, shown(from.name));
  }
  const auto present = [&](const char* name) { return into.tensors.count(name) > 0; };
  Json& config = work.config;
  if (!present("model.embed_tokens.weight"))
    return error("{}: tensor 'token_embd.weight' is missing, want an embedding", work.who);
  config["tie_word_embeddings"] = !present("lm_head.weight");
  config["attention_bias"] = present("model.layers.0.self_attn.q_proj.bias");
  config["mlp_bias"] = present("model.layers.0.mlp.gate_proj.bias");
  const std::vector<int64_t>& embedding = into.tensors.at("model.embed_tokens.weight").shape;
  if (embedding.size() != 2)
    return error("{}: tensor 'token_embd.weight': got {} axes, want 2", work.who, embedding.size());
  config["vocab_size"] = embedding[0];
  if (const auto it = into.tensors.find("rope_freqs.weight"); it != into.tensors.end()) {
    TRY(config["rope_freq_factors"], frequency_factors(it->second, work.who));
  }
  return Done{};
}

}  // namespace

Result<Done> translate_gguf(GgufFile& file, std::string_view who, Checkpoint& into) {
  TRY(const Architecture* architecture, find_architecture(file, who));
  if (file.tensors.empty()) return error("{}: got no tensors (a vocabulary only), want a model's weights", who);
  into.config = Json::object();
  const Work work{file, who, *architecture, into.config};
  TRY_DONE(translate_keys(work));
  TRY_DONE(derive_keys(work));
  TRY_DONE(translate_rope_scaling(work));
  TRY_DONE(translate_tensors(work, into));
  TRY(const std::vector<int64_t> ends, translate_gguf_vocab(file, who, into));
  if (has(into.vocab, "bos")) into.config["bos_token_id"] = into.vocab["bos"];
  if (ends.size() == 1) into.config["eos_token_id"] = ends[0];
  if (ends.size() > 1) into.config["eos_token_id"] = ends;
  into.source_format = "gguf";
  return Done{};
}

}  // namespace hearth
