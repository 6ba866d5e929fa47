// The words of a loop program's text, with where they stand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

enum class TokenKind { name, quoted, number, symbol, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;   // a quoted name without its quotes
  size_t offset = 0;  // in the source
  bool is(std::string_view word) const {
    return (kind == TokenKind::symbol || kind == TokenKind::name) && text == word;
  }
};

// All tokens and one `end`. Comments run from // to the end of the line.
Result<std::vector<Token>> tokenize_ir(std::string_view source);

// `loops: line 3, column 7: got X, want Y`
Error syntax_error(std::string_view source, size_t offset, std::string_view what);

}  // namespace hearth
