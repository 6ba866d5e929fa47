// Text: strict UTF-8, the one check that every reader of foreign bytes needs.
#pragma once

#include <cstddef>
#include <string_view>

namespace hearth {

// Bytes of the well-formed UTF-8 character at text[at] (at < text.size()), 0 if there is none: no overlong forms, no
// surrogates, nothing above U+10FFFF.
size_t utf8_char_bytes(std::string_view text, size_t at);
bool is_utf8(std::string_view text);

}  // namespace hearth
