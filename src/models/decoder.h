// The dense decoder that most families are a variation of: norm, attention with rotary positions and grouped keys, norm, gated MLP.
#pragma once

#include <string>
#include <vector>

#include "models/model.h"

namespace hearth {

// Shapes and constants, from either dialect of config.json (rope_theta + rope_scaling, or rope_parameters).
struct DecoderConfig {
  int64_t hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_size = 0, ffn = 0, vocabulary = 0, context = 0;
  double norm_eps = 1e-6;
  bool tied = false;                         // the output matrix is the embedding
  std::vector<double> rope_frequencies;      // [head_size / 2], scaling applied; radians a position
};
// Errors name the key: `config.json: 'hidden_size' is missing, want an integer`.
Result<DecoderConfig> read_decoder_config(const Json& config);

// How a family differs.
struct DecoderStyle {
  bool qkv_bias = false, output_bias = false, mlp_bias = false;
  bool head_norms = false;                   // RMS norm of each query and key head before rotation
  std::string activation = "silu";
  std::vector<int64_t> windows;              // sliding window of each layer, 0: none; empty: none anywhere
};
Result<Model> decoder(const DecoderConfig& config, const DecoderStyle& style);

// A switch of the config; false where it says nothing.
Result<bool> flag_at(const Json& config, const char* key);
// The ops for a config's hidden_act: "silu", "gelu", "gelu_pytorch_tanh", ...
Result<std::string> read_activation(const Json& config);
// layer_types / sliding_window / max_window_layers -> a window for each layer.
Result<std::vector<int64_t>> read_windows(const Json& config, int64_t layers, bool on_by_default);

}  // namespace hearth
