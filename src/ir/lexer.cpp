// Cutting a loop program's text into tokens.
#include "ir/lexer.h"

#include <algorithm>

namespace hearth {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
int hex_digit(char c) {
  return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> tokens;
    for (;;) {
      skip_space();
      if (at_ >= source_.size()) {
        tokens.push_back({TokenKind::end, "", source_.size()});
        return tokens;
      }
      TRY(Token token, next());
      tokens.push_back(std::move(token));
    }
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  void skip_space() {
    while (at_ < source_.size()) {
      char c = peek();
      if (c == '/' && peek(1) == '/') {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        at_++;
      } else {
        return;
      }
    }
  }

  Token cut(TokenKind kind, size_t start) const {
    return {kind, std::string(source_.substr(start, at_ - start)), start};
  }

  Result<Token> next() {
    size_t start = at_;
    if (is_letter(peek())) {
      while (is_letter(peek()) || is_digit(peek()) || peek() == '.') at_++;
      return cut(TokenKind::name, start);
    }
    if (is_digit(peek())) return number(start);
    if (peek() == '"') return quoted(start);
    for (std::string_view two : {"||", "&&", "==", "!=", "<=", "<<", ">>"}) {
      if (source_.substr(at_, 2) != two) continue;
      at_ += 2;
      return cut(TokenKind::symbol, start);
    }
    if (std::string_view("()[]{},;:=<|^&+-*/%!").find(peek()) == std::string_view::npos) {
      return syntax_error(source_, at_, "got a character that begins no word");
    }
    at_++;
    return cut(TokenKind::symbol, start);
  }

  // Digits, a fraction, an exponent, then a type: 1.5e-3f32x8. Or 0x and hexadecimal digits.
  Token number(size_t start) {
    while (is_digit(peek())) at_++;
    if (peek() == '.' && is_digit(peek(1))) {
      at_++;
      while (is_digit(peek())) at_++;
    }
    if (peek() == 'e' && (is_digit(peek(1)) || ((peek(1) == '-' || peek(1) == '+') && is_digit(peek(2))))) {
      at_ += 2;
      while (is_digit(peek())) at_++;
    }
    while (is_letter(peek()) || is_digit(peek())) at_++;
    return cut(TokenKind::number, start);
  }

  Result<Token> quoted(size_t start) {
    std::string text;
    at_++;
    while (at_ < source_.size() && peek() != '"') {
      if (peek() != '\\') {
        text += source_[at_++];
      } else if (peek(1) == '"' || peek(1) == '\\') {
        text += peek(1);
        at_ += 2;
      } else if (peek(1) == 'x' && hex_digit(peek(2)) >= 0 && hex_digit(peek(3)) >= 0) {
        text += static_cast<char>(hex_digit(peek(2)) * 16 + hex_digit(peek(3)));
        at_ += 4;
      } else {
        return syntax_error(source_, at_, "got a backslash before something else than \" \\ or xHH");
      }
    }
    if (at_ >= source_.size()) return syntax_error(source_, start, "got a name without its closing quote");
    at_++;
    return Token{TokenKind::quoted, std::move(text), start};
  }

  std::string_view source_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<Token>> tokenize_ir(std::string_view source) { return Lexer(source).run(); }

Error syntax_error(std::string_view source, size_t offset, std::string_view what) {
  std::string_view before = source.substr(0, offset);
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t start = before.rfind('\n');
  size_t column = offset - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return error("loops: line {}, column {}: {}", line, column, what);
}

}  // namespace hearth
