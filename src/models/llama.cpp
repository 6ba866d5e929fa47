// llama: Llama 1-3.x and its many descendants; optional attention and MLP biases, llama3 rotary scaling.
#include "base/set.h"
#include "models/decoder.h"

HEARTH_SET_MEMBER(model, llama)

namespace hearth::model_set {

Result<Model> llama(const ModelSource& source) {
  TRY(DecoderConfig config, read_decoder_config(source.config));
  DecoderStyle style;
  TRY(const bool wants_bias, flag_at(source.config, "attention_bias"));
  style.qkv_bias = wants_bias || source.has("model.layers.0.self_attn.q_proj.bias");
  style.output_bias = source.has("model.layers.0.self_attn.o_proj.bias");
  TRY(const bool wants_mlp_bias, flag_at(source.config, "mlp_bias"));
  style.mlp_bias = wants_mlp_bias || source.has("model.layers.0.mlp.gate_proj.bias");
  TRY(style.activation, read_activation(source.config));
  return decoder(config, style);
}

}  // namespace hearth::model_set
