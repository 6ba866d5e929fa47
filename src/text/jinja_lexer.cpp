// Splits a template into words, by the rules of Jinja's lexer with trim_blocks and lstrip_blocks.
#include "text/jinja_lexer.h"

#include <charconv>

#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

// "\r\n" and "\r" are line ends too; the last line end goes.
std::string normalize_lines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      out += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      out += '\n';
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

int digit_of(char c) {
  if (is_ascii_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

constexpr std::string_view kSymbols[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                         "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

struct Escape {
  char letter;
  char value;
};
constexpr Escape kEscapes[] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'},  {'a', '\a'},  {'b', '\b'},
                               {'f', '\f'}, {'v', '\v'}, {'\\', '\\'}, {'\'', '\''}, {'"', '"'}};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_lines(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) TRY_DONE(next_part());
    push(TokenKind::end);
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  bool starts(std::string_view text) const { return std::string_view(source_).substr(at_).starts_with(text); }

  Token& push(TokenKind kind, std::string text = {}) {
    tokens_.push_back({kind, line_, std::move(text)});
    return tokens_.back();
  }

  void move_to(size_t place) {
    for (; at_ < place; ++at_) line_ += source_[at_] == '\n';
  }

  void skip_space() {
    while (at_ < source_.size()) {
      size_t next = at_;
      if (!is_space(next_code_point(source_, next))) return;
      move_to(next);
    }
  }

  // Text up to the next tag, then that tag.
  Result<Done> next_part() {
    size_t open = source_.find('{', at_);
    while (open != source_.npos &&
           std::string_view("{%#").find(source_[std::min(open + 1, source_.size() - 1)]) == std::string_view::npos)
      open = source_.find('{', open + 1);
    if (open == source_.npos || open + 1 == source_.size()) {
      push(TokenKind::data, source_.substr(at_));
      move_to(source_.size());
      return Done{};
    }
    const char mark = source_[open + 1];
    const char sign = open + 2 < source_.size() ? source_[open + 2] : '\0';
    push_data(open, sign, mark != '{');
    move_to(open + (sign == '-' || sign == '+' ? 3 : 2));
    if (mark == '#') return comment();
    if (mark == '%' && begins_raw()) return raw();
    push(mark == '%' ? TokenKind::block_begin : TokenKind::variable_begin);
    return tag(mark == '%');
  }

  // The text before a tag that opens at `end`, stripped as its sign says; `block`: a lone indent before it goes.
  void push_data(size_t end, char sign, bool block) {
    std::string_view text = std::string_view(source_).substr(at_, end - at_);
    const size_t line_start = text.rfind('\n') + 1;  // npos + 1 == 0
    if (sign == '-') {
      text = strip(text, Side::right);
    } else if (sign != '+' && block && (line_start > 0 || at_line_start_)) {
      if (strip(text.substr(line_start)).empty()) text = text.substr(0, line_start);
    }
    if (!text.empty()) push(TokenKind::data, std::string(text));
    at_line_start_ = false;
  }

  // Ends a tag at `at_`, whose closing mark is `size` long: "-" drops the white space after, a block one line end.
  void close(size_t size, char sign, bool block) {
    const size_t begin = at_;
    move_to(at_ + size);
    if (sign == '-')
      skip_space();
    else if (block && sign != '+' && peek() == '\n')
      move_to(at_ + 1);
    at_line_start_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  Result<Done> comment() {
    const size_t begin = at_;
    if (at_ == source_.size()) return Done{};  // Jinja lets a template end right here
    const size_t end = source_.find("#}", at_);
    if (end == source_.npos) return error("line {}: got a comment without its end, want '#}}'", line_);
    const char sign = end > begin ? source_[end - 1] : '\0';
    move_to(end);
    close(2, sign, true);
    return Done{};
  }

  // `{% raw %}` after its opening mark: does it follow?
  bool begins_raw() const {
    size_t at = at_;
    return skip_word(at, "raw") && close_of(at) > 0;
  }

  bool skip_word(size_t& at, std::string_view word) const {
    for (size_t next = at; at < source_.size(); at = next)
      if (!is_space(next_code_point(source_, next))) break;
    if (!std::string_view(source_).substr(at).starts_with(word)) return false;
    at += word.size();
    for (size_t next = at; at < source_.size(); at = next)
      if (!is_space(next_code_point(source_, next))) break;
    return true;
  }

  size_t close_of(size_t at) const {
    const std::string_view rest = std::string_view(source_).substr(at);
    if (rest.starts_with("%}")) return 2;
    return rest.starts_with("-%}") || rest.starts_with("+%}") ? 3 : 0;
  }

  Result<Done> raw() {
    size_t at = at_;
    skip_word(at, "raw");
    const char begin_sign = source_[at];
    const int line = line_;
    move_to(at + close_of(at));
    if (begin_sign == '-') skip_space();
    at_line_start_ = source_[at_ - 1] == '\n';
    if (at_ == source_.size()) return Done{};  // as for a comment
    for (size_t open = source_.find("{%", at_); open != source_.npos; open = source_.find("{%", open + 1)) {
      const char sign = open + 2 < source_.size() ? source_[open + 2] : '\0';
      size_t end = open + (sign == '-' || sign == '+' ? 3 : 2);
      if (!skip_word(end, "endraw") || !close_of(end)) continue;
      push_data(open, sign, true);
      move_to(end);
      close(close_of(end), source_[end], true);
      return Done{};
    }
    return error("line {}: got a raw block without its end, want 'endraw'", line);
  }

  // Words up to the end of a block or variable tag. Inside brackets, '%}' and '}}' are no ends.
  Result<Done> tag(bool block) {
    const int line = line_;
    const std::string_view mark = block ? "%}" : "}}";
    brackets_.clear();
    for (skip_space(); at_ < source_.size(); skip_space()) {
      const bool is_signed = peek() == '-' || (block && peek() == '+');
      if (brackets_.empty() &&
          (starts(mark) || (is_signed && std::string_view(source_).substr(at_ + 1).starts_with(mark)))) {
        push(block ? TokenKind::block_end : TokenKind::variable_end);
        close(is_signed ? 3 : 2, is_signed ? peek() : '\0', block);
        return Done{};
      }
      TRY_DONE(word());
    }
    return error("line {}: got the end of the template inside a tag, want '{}'", line, mark);
  }

  Result<Done> word() {
    const char c = peek();
    size_t next = at_;
    const int32_t code_point = next_code_point(source_, next);
    if (is_ascii_digit(c)) return number();
    if (c == '\'' || c == '"') return string(c);
    if (is_word(code_point)) return name();
    return symbol();
  }

  Result<Done> name() {
    const size_t begin = at_;
    for (size_t next = at_; at_ < source_.size(); at_ = next)
      if (!is_word(next_code_point(source_, next))) break;
    push(TokenKind::name, source_.substr(begin, at_ - begin));
    return Done{};
  }

  Result<Done> symbol() {
    for (const std::string_view one : kSymbols) {
      if (!starts(one)) continue;
      push(TokenKind::symbol, std::string(one));
      at_ += one.size();
      return balance(one[0]);
    }
    size_t next = at_;
    next_code_point(source_, next);
    return error("line {}: got the character {}, want an expression", line_, quote(source_.substr(at_, next - at_)));
  }

  Result<Done> balance(char c) {
    constexpr std::string_view kOpen = "([{", kClose = ")]}";
    if (kOpen.find(c) != kOpen.npos) brackets_ += kClose[kOpen.find(c)];
    if (kClose.find(c) == kClose.npos) return Done{};
    if (brackets_.empty()) return error("line {}: got '{}' that closes nothing", line_, c);
    if (brackets_.back() != c) return error("line {}: got '{}', want '{}'", line_, c, brackets_.back());
    brackets_.pop_back();
    return Done{};
  }

  // Digits of `base`, with single underscores between; appends them to `digits`.
  bool take_digits(std::string& digits, int base) {
    const size_t before = digits.size();
    while (true) {
      if (digit_of(peek()) < base)
        digits += source_[at_++];
      else if (peek() == '_' && digits.size() > before && digit_of(peek(1)) < base)
        ++at_;
      else
        return digits.size() > before;
    }
  }

  Result<Done> number() {
    const bool after_point = at_ > 0 && source_[at_ - 1] == '.';  // 1 of a.1 is an index
    std::string digits;
    const int base = peek() != '0'           ? 10
                     : (peek(1) | 32) == 'x' ? 16
                     : (peek(1) | 32) == 'o' ? 8
                     : (peek(1) | 32) == 'b' ? 2
                                             : 10;
    if (base != 10 && digit_of(peek(peek(2) == '_' ? 3 : 2)) < base) {
      at_ += peek(2) == '_' ? 3 : 2;
      take_digits(digits, base);
      return integer(digits, base);
    }
    take_digits(digits, 10);
    bool is_real = false;
    if (!after_point && peek() == '.' && is_ascii_digit(peek(1))) {
      digits += source_[at_++];
      is_real = take_digits(digits, 10);
    }
    const size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if (!after_point && (peek() | 32) == 'e' && is_ascii_digit(peek(1 + sign))) {
      digits += source_.substr(at_, 1 + sign);
      at_ += 1 + sign;
      is_real = take_digits(digits, 10);
    }
    if (!is_real) return integer(digits, 10);
    Token& token = push(TokenKind::real, digits);
    token.real = parse_real(digits).value_or(0);
    return Done{};
  }

  Result<Done> integer(const std::string& digits, int base) {
    int64_t value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (result.ec != std::errc()) return error("line {}: got the integer {}, want one of 64 bits", line_, digits);
    push(TokenKind::integer, digits).integer = value;
    return Done{};
  }

  Result<Done> string(char mark) {
    const int line = line_;
    std::string value;
    size_t at = at_ + 1;
    while (at < source_.size() && source_[at] != mark) {
      if (source_[at] != '\\')
        value += source_[at++];
      else if (++at < source_.size())
        TRY_DONE(escape(value, at));
    }
    if (at >= source_.size()) return error("line {}: got a string without its end, want {}", line, mark);
    push(TokenKind::string, std::move(value));
    move_to(at + 1);
    return Done{};
  }

  // The escape whose letter is at `at`, as Python's; an unknown one stays as written.
  Result<Done> escape(std::string& out, size_t& at) {
    const char letter = source_[at++];
    for (const Escape& one : kEscapes)
      if (one.letter == letter) return out += one.value, Done{};
    if (letter == '\n') return Done{};
    const int digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    if (digits) {
      int64_t code = 0;
      if (!take_code(at, digits, 16, code) || code > 0x10ffff)
        return error("line {}: got a broken escape '\\{}', want {} hexadecimal digits", line_, letter, digits);
      join_surrogates(at, code);
      return append_code_point(out, static_cast<int32_t>(code)), Done{};
    }
    if (letter < '0' || letter > '7') return out += '\\', out += letter, Done{};
    int64_t code = letter - '0';
    for (int i = 0; i < 2 && at < source_.size() && source_[at] >= '0' && source_[at] <= '7'; ++i)
      code = code * 8 + (source_[at++] - '0');
    return append_code_point(out, static_cast<int32_t>(code)), Done{};
  }

  bool take_code(size_t& at, int digits, int base, int64_t& code) const {
    for (int i = 0; i < digits; ++i, ++at) {
      if (at >= source_.size() || digit_of(source_[at]) >= base) return false;
      code = code * base + digit_of(source_[at]);
    }
    return true;
  }

  // Two escapes that make one code point: "\ud83d\ude00".
  void join_surrogates(size_t& at, int64_t& code) const {
    size_t next = at + 2;
    int64_t low = 0;
    if (code < 0xd800 || code > 0xdbff || !std::string_view(source_).substr(at).starts_with("\\u")) return;
    if (!take_code(next, 4, 16, low) || low < 0xdc00 || low > 0xdfff) return;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    at = next;
  }

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;
  std::string brackets_;  // the closing marks that are due
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) { return Lexer(source).run(); }

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::data:
      return "text";
    case TokenKind::block_begin:
      return "'{%'";
    case TokenKind::block_end:
      return "'%}'";
    case TokenKind::variable_begin:
      return "'{{'";
    case TokenKind::variable_end:
      return "'}}'";
    case TokenKind::end:
      return "the end of the template";
    default:
      return quote(token.text);
  }
}

}  // namespace hearth::jinja
