// qwen3: llama with an RMS norm on each query and key head; biases only where the config says so.
#include "base/set.h"
#include "models/decoder.h"

HEARTH_SET_MEMBER(model, qwen3)

namespace hearth::model_set {

Result<Model> qwen3(const ModelSource& source) {
  TRY(DecoderConfig config, read_decoder_config(source.config));
  DecoderStyle style;
  style.head_norms = true;
  TRY(const bool wants_bias, flag_at(source.config, "attention_bias"));
  style.qkv_bias = wants_bias || source.has("model.layers.0.self_attn.q_proj.bias");
  style.output_bias = source.has("model.layers.0.self_attn.o_proj.bias");
  TRY(style.activation, read_activation(source.config));
  TRY(style.windows, read_windows(source.config, config.layers, /*on_by_default=*/false));
  return decoder(config, style);
}

}  // namespace hearth::model_set
