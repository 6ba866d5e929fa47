// PostProcessor: the ids that tokenizer.json's "post_processor" puts around a text's own (BOS, EOS).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "text/tokenizer_json.h"

namespace hearth {

class PostProcessor {
 public:
  static Result<PostProcessor> from_json(std::optional<JsonElement> post_processor);
  std::vector<int32_t> apply(std::vector<int32_t> ids) const;

  // Ids to put in a row; kText stands for the text's ids.
  using Template = std::vector<int32_t>;
  static constexpr int32_t kText = -1;

 private:
  std::vector<Template> templates_;      // applied one after the other
};

}  // namespace hearth
