// qwen2: llama with biases on queries, keys and values, and a sliding window on the upper layers if switched on.
#include "base/set.h"
#include "models/decoder.h"

HEARTH_SET_MEMBER(model, qwen2)

namespace hearth::model_set {

Result<Model> qwen2(const ModelSource& source) {
  TRY(DecoderConfig config, read_decoder_config(source.config));
  DecoderStyle style;
  style.qkv_bias = true;
  TRY(style.activation, read_activation(source.config));
  TRY(style.windows, read_windows(source.config, config.layers, /*on_by_default=*/false));
  return decoder(config, style);
}

}  // namespace hearth::model_set
