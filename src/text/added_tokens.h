// AddedTokens: tokens that are found in a text before anything else happens to it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "text/normalizer.h"
#include "text/regex.h"
#include "text/tokenizer_json.h"
#include "text/vocabulary.h"

namespace hearth {

struct AddedToken {
  std::string text;
  int32_t id;
  bool single_word, lstrip, rstrip, normalized, special;
};

// A set of strings; at each place of a text the longest one that starts there.
class StringSet {
 public:
  void add(std::string_view text, int32_t value);
  struct Match {
    size_t bytes;       // 0: none
    int32_t value;
  };
  Match longest_at(std::string_view text, size_t at) const;

 private:
  struct Node {
    int32_t child = -1, sibling = -1, value = -1;
    char byte = 0;
  };
  int32_t child_of(int32_t node, char byte) const;
  std::vector<Node> nodes_;
  std::array<int32_t, 256> roots_ = [] { std::array<int32_t, 256> none; none.fill(-1); return none; }();
};

class AddedTokens {
 public:
  // Tokens whose spelling the vocabulary has take the vocabulary's id.
  static Result<AddedTokens> from_json(JsonElement tokenizer, const Vocabulary& vocabulary,
                                       const Normalizer& normalizer);

  // A stretch of text: an added token (id >= 0) or plain text (-1).
  struct Stretch {
    Span span;
    int32_t id;
  };
  // Tokens are looked for as they are in the text as it is, and as normalized in the normalized text.
  enum class In { text, normalized };
  std::vector<Stretch> split(std::string_view text, In in) const;

  const AddedToken* find(int32_t id) const;
  const AddedToken* find(std::string_view text) const;
  bool is_special(std::string_view text) const { return specials_.contains(std::string(text)); }
  int32_t size() const { return size_; }              // largest id + 1

 private:
  void add(AddedToken token);

  std::vector<AddedToken> tokens_;
  std::unordered_map<int32_t, size_t> by_id_;
  std::unordered_map<std::string, size_t> by_text_;
  std::unordered_set<std::string> specials_;
  StringSet raw_, normalized_;                        // -> index in tokens_
  int32_t size_ = 0;
};

}  // namespace hearth
