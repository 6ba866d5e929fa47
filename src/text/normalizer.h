// Normalizer: what tokenizer.json's "normalizer" does to a text before it is split, as a list of steps.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/regex.h"
#include "text/tokenizer_json.h"

namespace hearth {

struct NormalizerStep {
  enum class Kind {
    prepend, replace, nfc, nfd, nfkc, nfkd, lowercase, strip_left, strip_right, strip_marks, strip_nonspacing,
    byte_chars, clean, space_han
  } kind;
  std::string text;             // what is prepended, what replaces
  std::optional<Regex> pattern; // what is replaced
};

class Normalizer {
 public:
  static Result<Normalizer> from_json(std::optional<JsonElement> normalizer);

  bool empty() const { return steps_.empty(); }
  std::string apply(std::string_view text) const;

 private:
  std::vector<NormalizerStep> steps_;
};

// Every match of `pattern` in `text` replaced by `with`.
std::string replaced(std::string_view text, const Regex& pattern, std::string_view with);

}  // namespace hearth
