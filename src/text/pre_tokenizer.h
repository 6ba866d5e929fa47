// PreTokenizer: cuts a text into the pieces that the model merges within, as tokenizer.json's "pre_tokenizer" says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/regex.h"
#include "text/tokenizer_json.h"

namespace hearth {

// What becomes of the text that a pattern matches.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct PreTokenizerStep {
  enum class Cut { never, at_pattern, at_space, at_digit, at_punctuation, at_char, outside_words } cut = Cut::never;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;                // what does not match is the match
  std::optional<Regex> pattern;
  char32_t cut_char = 0;

  enum class Prefix { never, always, first } prefix = Prefix::never;    // put before the piece, unless it is there
  std::string prefix_text;
  std::string space_text;             // what ' ' is replaced by, "" to keep it
  bool byte_chars = false;            // at last, each byte becomes its printable character
  size_t fixed_chars = 0;             // cut every so many characters
};

// Text and where its pieces lie. `first` marks the piece at the very start of what the user gave.
struct Pieces {
  struct Piece {
    Span span;
    bool first;
  };
  std::string text;
  std::vector<Piece> pieces;
};

class PreTokenizer {
 public:
  static Result<PreTokenizer> from_json(std::optional<JsonElement> pre_tokenizer);

  // `first`: is `text` the start of what the user gave?
  Pieces split(std::string text, bool first) const;

 private:
  std::vector<PreTokenizerStep> steps_;
};

}  // namespace hearth
