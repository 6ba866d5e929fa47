// Reading config.json in both dialects, and the rotary frequencies that follow from it.
#include <cmath>
#include <map>

#include "models/decoder.h"

namespace hearth {
namespace {

constexpr const char* kWho = "config.json";
// No real model comes near; what follows from them fits 64 bits and a kernel's stack.
constexpr int64_t kMostDim = 1 << 24, kMostLayers = 4096, kMostHeads = 4096, kMostHeadSize = 4096;
constexpr int64_t kMostGroup = 1 << 16;          // query heads a key head * head size

Result<int64_t> size_at(const Json& config, const char* key, int64_t most = kMostDim) {
  TRY(int64_t value, get_int(config, key, kWho));
  if (value < 1 || value > most) return error("{}: '{}': got {}, want 1 .. {}", kWho, key, value, most);
  return value;
}

Result<int64_t> size_or(const Json& config, const char* key, int64_t otherwise, int64_t most = kMostDim) {
  if (!has(config, key)) return otherwise;
  return size_at(config, key, most);
}

Result<double> number_or(const Json& config, const char* key, double otherwise) {
  if (!has(config, key)) return otherwise;
  TRY(double value, get_number(config, key, kWho));
  if (!std::isfinite(value)) return error("{}: '{}': got {}, want a finite number", kWho, key, value);
  return value;
}

// One place for both dialects: {"rope_theta", "rope_type", factors...}.
Result<Json> rope_parameters(const Json& config) {
  Json rope = Json::object();
  if (has(config, "rope_parameters")) rope = config["rope_parameters"];
  else if (has(config, "rope_scaling")) rope = config["rope_scaling"];
  if (!rope.is_object()) return error("{}: 'rope_parameters': got {}, want an object", kWho, rope.type_name());
  for (const auto& [key, value] : rope.items())
    if (value.is_object()) return error("{}: 'rope_parameters': got an object for {}, want one set for all layers", kWho,
                                        shown_text(key));
  if (!has(rope, "rope_theta") && has(config, "rope_theta")) rope["rope_theta"] = config["rope_theta"];
  if (!has(rope, "rope_type") && has(rope, "type")) rope["rope_type"] = rope["type"];
  return rope;
}

// Rotating a part of each head is another model; a file that asks for it must not run as if it did not.
Result<Done> check_whole_heads_rotate(const Json& config, const Json& rope) {
  for (const Json* from : {&config, &rope}) {
    TRY(double part, number_or(*from, "partial_rotary_factor", 1));
    if (part != 1) return error("{}: 'partial_rotary_factor': got {}, want 1 (heads that rotate whole)", kWho, part);
  }
  return Done{};
}

using Scaling = Result<Done> (*)(const Json& rope, std::vector<double>& frequencies);

// All frequencies divided by `factor` (kaiokendev's linear interpolation).
Result<Done> scale_linear(const Json& rope, std::vector<double>& frequencies) {
  TRY(double factor, get_number(rope, "factor", "config.json: rope_scaling"));
  if (!(factor > 0) || !std::isfinite(factor))
    return error("{}: rope_scaling: 'factor': got {}, want a positive number", kWho, factor);
  for (double& f : frequencies) f /= factor;
  return Done{};
}

// Llama 3.1: long wavelengths divided by `factor`, short ones kept, a smooth band between.
Result<Done> scale_llama3(const Json& rope, std::vector<double>& frequencies) {
  const char* who = "config.json: rope_scaling";
  TRY(double factor, get_number(rope, "factor", who));
  TRY(double low, get_number(rope, "low_freq_factor", who));
  TRY(double high, get_number(rope, "high_freq_factor", who));
  TRY(double context, get_number(rope, "original_max_position_embeddings", who));
  const bool finite = std::isfinite(factor) && std::isfinite(high) && std::isfinite(context);
  if (!finite || !(factor > 0) || !(high > low) || !(low > 0) || !(context > 0))
    return error("{}: got factor {}, low_freq_factor {}, high_freq_factor {}, original_max_position_embeddings {}, want "
                 "positive ones with low < high", who, factor, low, high, context);
  for (double& f : frequencies) {
    const double wavelength = 2 * M_PI / f;
    if (wavelength < context / high) continue;
    if (wavelength > context / low) {
      f /= factor;
      continue;
    }
    const double smooth = (context / wavelength - low) / (high - low);
    f = (1 - smooth) * f / factor + smooth * f;
  }
  return Done{};
}

Result<Done> scale_none(const Json&, std::vector<double>&) { return Done{}; }

// What GGUF says of llama3's scaling: a number to divide each frequency by, in float32.
Result<Done> divide_by_factors(const Json& config, std::vector<double>& frequencies) {
  if (!has(config, "rope_freq_factors")) return Done{};
  const Json& factors = config["rope_freq_factors"];
  if (!factors.is_array() || factors.size() != frequencies.size())
    return error("{}: 'rope_freq_factors': got {} of {}, want a list of {} (half a head)", kWho, factors.type_name(), factors.size(),
                 frequencies.size());
  for (size_t i = 0; i < frequencies.size(); ++i) {
    if (!factors[i].is_number()) return error("{}: 'rope_freq_factors': got {}, want numbers", kWho, factors[i].type_name());
    frequencies[i] /= factors[i].get<double>();
  }
  return Done{};
}

// A frequency is a step of an angle: 0 < f, and small enough for float32.
Result<Done> check_frequencies(const std::vector<double>& frequencies) {
  for (double f : frequencies)
    if (!(f >= 0) || !(f <= 1e6))
      return error("{}: rope_theta and its scaling give a frequency of {} radians a position, want 0 .. 1e6", kWho, f);
  return Done{};
}

Result<std::vector<double>> rope_frequencies(const Json& config, int64_t head_size) {
  static const std::map<std::string, Scaling> kScalings = {
      {"default", scale_none}, {"linear", scale_linear}, {"llama3", scale_llama3}};
  TRY(Json rope, rope_parameters(config));
  TRY_DONE(check_whole_heads_rotate(config, rope));
  TRY(double theta, number_or(rope, "rope_theta", 10000.0));
  if (!(theta > 0)) return error("{}: 'rope_theta': got {}, want a positive number", kWho, theta);
  std::vector<double> frequencies;
  for (int64_t i = 0; i < head_size / 2; ++i)       // in float32, as the reference computes them
    frequencies.push_back(1.0f / std::pow(static_cast<float>(theta), static_cast<float>(2 * i) / static_cast<float>(head_size)));
  std::string type = "default";
  if (has(rope, "rope_type")) {
    TRY(type, get_string(rope, "rope_type", kWho));
  }
  const auto scaling = kScalings.find(type);
  if (scaling == kScalings.end()) return error("{}: got rope_type {}, want one of default, linear, llama3", kWho, shown_text(type));
  TRY_DONE(scaling->second(rope, frequencies));
  TRY_DONE(divide_by_factors(config, frequencies));
  TRY_DONE(check_frequencies(frequencies));
  return frequencies;
}

Result<Done> check_heads(const Json& config, const DecoderConfig& c) {
  if (c.heads % c.kv_heads != 0)
    return error("{}: got {} heads and {} key heads, want heads that divide by key heads", kWho, c.heads, c.kv_heads);
  if (!has(config, "head_dim") && c.hidden % c.heads != 0)
    return error("{}: got hidden_size {} and {} heads, want a multiple (or 'head_dim')", kWho, c.hidden, c.heads);
  if (c.head_size < 2 || c.head_size > kMostHeadSize || c.head_size % 2 != 0)
    return error("{}: got head size {}, want an even one of 2 .. {}", kWho, c.head_size, kMostHeadSize);
  if (c.heads / c.kv_heads * c.head_size > kMostGroup)
    return error("{}: got {} heads a key head of {} each, want at most {} numbers", kWho, c.heads / c.kv_heads, c.head_size,
                 kMostGroup);
  return Done{};
}

}  // namespace

Result<DecoderConfig> read_decoder_config(const Json& config) {
  DecoderConfig c;
  TRY(c.hidden, size_at(config, "hidden_size"));
  TRY(c.layers, size_at(config, "num_hidden_layers", kMostLayers));
  TRY(c.heads, size_at(config, "num_attention_heads", kMostHeads));
  TRY(c.kv_heads, size_or(config, "num_key_value_heads", c.heads, kMostHeads));
  TRY(c.head_size, size_or(config, "head_dim", c.hidden / c.heads));
  TRY(c.ffn, size_at(config, "intermediate_size"));
  TRY(c.vocabulary, size_at(config, "vocab_size"));
  TRY(c.context, size_or(config, "max_position_embeddings", 2048));
  TRY(c.norm_eps, number_or(config, "rms_norm_eps", 1e-6));
  if (!(c.norm_eps >= 0) || !(c.norm_eps <= 1)) return error("{}: 'rms_norm_eps': got {}, want 0 .. 1", kWho, c.norm_eps);
  TRY(c.tied, flag_at(config, "tie_word_embeddings"));
  TRY_DONE(check_heads(config, c));
  TRY(c.rope_frequencies, rope_frequencies(config, c.head_size));
  return c;
}

Result<bool> flag_at(const Json& config, const char* key) {
  if (!has(config, key)) return false;
  return get_bool(config, key, kWho);
}

Result<std::string> read_activation(const Json& config) {
  static const std::map<std::string, std::string> kOps = {
      {"silu", "silu"}, {"swish", "silu"}, {"gelu", "gelu"}, {"gelu_new", "gelu_tanh"}, {"gelu_pytorch_tanh", "gelu_tanh"}};
  std::string name = "silu";
  if (has(config, "hidden_act")) {
    TRY(name, get_string(config, "hidden_act", kWho));
  }
  const auto it = kOps.find(name);
  if (it == kOps.end()) return error("{}: got hidden_act {}, want silu, gelu or gelu_pytorch_tanh", kWho, shown_text(name));
  return it->second;
}

Result<std::vector<int64_t>> read_windows(const Json& config, int64_t layers, bool on_by_default) {
  std::vector<int64_t> windows(static_cast<size_t>(layers), 0);
  bool on = on_by_default;
  if (has(config, "use_sliding_window")) {
    TRY(on, get_bool(config, "use_sliding_window", kWho));
  }
  if (!on || !has(config, "sliding_window")) return windows;
  TRY(int64_t window, size_at(config, "sliding_window"));
  TRY(int64_t first, has(config, "max_window_layers") ? get_int(config, "max_window_layers", kWho) : Result<int64_t>(0));
  if (first < 0) return error("{}: 'max_window_layers': got {}, want 0 or more", kWho, first);
  const Json types = has(config, "layer_types") ? config["layer_types"] : Json::array();
  if (!types.is_array() || (!types.empty() && types.size() != windows.size()))
    return error("{}: 'layer_types': got {} of {}, want a list of {} strings", kWho, types.type_name(), types.size(), layers);
  for (const Json& type : types)
    if (type != "sliding_attention" && type != "full_attention")
      return error("{}: 'layer_types': got {}, want sliding_attention or full_attention", kWho,
                   type.is_string() ? shown_text(type.get<std::string>()) : type.type_name());
  for (size_t i = 0; i < windows.size(); ++i) {
    const bool slides = types.empty() ? static_cast<int64_t>(i) >= first : types[i] == "sliding_attention";
    windows[i] = slides ? window : 0;
  }
  return windows;
}

}  // namespace hearth
