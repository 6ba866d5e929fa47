// mistral: llama with a sliding window over every layer where the config gives one.
#include "base/set.h"
#include "models/decoder.h"

HEARTH_SET_MEMBER(model, mistral)

namespace hearth::model_set {

Result<Model> mistral(const ModelSource& source) {
  TRY(DecoderConfig config, read_decoder_config(source.config));
  DecoderStyle style;
  TRY(style.activation, read_activation(source.config));
  TRY(style.windows, read_windows(source.config, config.layers, /*on_by_default=*/true));
  return decoder(config, style);
}

}  // namespace hearth::model_set
