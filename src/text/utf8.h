// UTF-8 text: reading and writing code points, repairing bad bytes, and the character classes that tokenizers ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace hearth {

// The code point at `at` of valid UTF-8; moves `at` past it.
char32_t next_char(std::string_view text, size_t& at);
void append_char(std::string& text, char32_t c);
// Bytes of the character that starts with `lead`, 1 for anything that starts none.
size_t char_bytes(unsigned char lead);

// Moves the longest certain prefix of `bytes` to `out`, each maximal bad sequence as U+FFFD, and returns how many bytes
// were taken. A trailing sequence that more bytes could complete stays behind, unless `last`.
enum class More { may_come, never };
size_t repair_utf8(std::string_view bytes, More more, std::string& out);
std::string repaired_utf8(std::string_view bytes);

bool is_space(char32_t c);        // White_Space
bool is_numeric(char32_t c);      // Nd, Nl, No
bool is_punctuation(char32_t c);  // P*, and every ASCII mark
bool is_mark(char32_t c);         // Mn, Mc, Me
bool is_nonspacing(char32_t c);   // Mn
bool is_control(char32_t c);      // Cc, Cf, Cn, Co
bool is_word(char32_t c);         // \w: alphabetic, marks, Nd, Pc, joiners

// The printable character that byte-level vocabularies write for each byte, and back (-1 for other characters).
char32_t char_of_byte(uint8_t byte);
int byte_of_char(char32_t c);

}  // namespace hearth
