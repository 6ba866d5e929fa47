// The words of a template: text between tags, and the names, numbers, strings and symbols inside them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::jinja {

enum class TokenKind : uint8_t {
  data,
  block_begin,
  block_end,
  variable_begin,
  variable_end,
  name,
  string,
  integer,
  real,
  symbol,
  end
};

struct Token {
  TokenKind kind = TokenKind::end;
  int line = 0;
  std::string text;  // of a string: its value, escapes resolved
  int64_t integer = 0;
  double real = 0;

  bool is(TokenKind other) const { return kind == other; }
  bool is_symbol(std::string_view symbol) const { return kind == TokenKind::symbol && text == symbol; }
  bool is_name(std::string_view name) const { return kind == TokenKind::name && text == name; }
};

// Splits with trim_blocks and lstrip_blocks on: the line end after a block tag and the white space before one are
// dropped;
// '-' at a tag's edge drops all white space there, '+' keeps it. One line end at the end of the source is dropped.
Result<std::vector<Token>> tokenize(std::string_view source);

std::string describe(const Token& token);  // for errors: "end of the tag", "'%'"

}  // namespace hearth::jinja
