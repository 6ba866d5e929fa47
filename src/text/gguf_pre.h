// GgufPre: what a name in tokenizer.ggml.pre means: the regexes that cut a text, one after the other.
#pragma once

#include <array>
#include <string_view>

namespace hearth {

struct GgufPre {
  std::array<std::string_view, 6> regexes;      // each cuts the pieces of those before it; "" for none
  bool ignore_merges = false;                   // a piece that is a token is that token
  bool add_bos = false;                         // where tokenizer.ggml.add_bos_token does not say
};

const GgufPre* find_gguf_pre(std::string_view name);      // null if not known

}  // namespace hearth
