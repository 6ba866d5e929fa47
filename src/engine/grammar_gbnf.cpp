// Parses GBNF into rules.
#include "engine/grammar_gbnf.h"

#include <algorithm>
#include <map>

#include "engine/grammar_times.h"

namespace hearth::grammar {
namespace {

constexpr size_t kMaxText = size_t{4} << 20;
constexpr int kMaxNesting = 200;

bool is_name(uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int hex_digit(uint32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
  return -1;
}

void append_utf8(uint32_t c, std::string& out) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  if (c < 0x10000) return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
}

class Parser {
 public:
  explicit Parser(std::vector<uint32_t> text) : text_(std::move(text)) {}

  Result<RuleSet> run() {
    for (space(Lines::cross); !done(); space(Lines::cross)) TRY_DONE(rule_definition());
    const auto root = index_.find("root");
    if (root == index_.end()) return wrong("no rule 'root'");
    rules_.root = root->second;
    return std::move(rules_);
  }

 private:
  enum class Lines { stay, cross };

  bool done() const { return at_ >= text_.size(); }
  uint32_t peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  bool take(char c) {
    if (done() || peek() != static_cast<uint32_t>(c)) return false;
    ++at_;
    return true;
  }

  Error wrong(const std::string& what) const {
    const size_t line = 1 + std::count(text_.begin(), text_.begin() + std::min(at_, text_.size()), uint32_t{'\n'});
    return error("grammar: line {}: {}", line, what);
  }

  void space(Lines lines) {
    for (; !done(); ++at_) {
      if (peek() == '#')
        while (!done() && peek() != '\n' && peek() != '\r') ++at_;
      const uint32_t c = peek();
      if (done() || !(c == ' ' || c == '\t' || (lines == Lines::cross && (c == '\n' || c == '\r')))) return;
    }
  }

  std::string name() {
    std::string text;
    for (; is_name(peek()); ++at_) text += static_cast<char>(peek());
    return text;
  }

  uint32_t rule_index(const std::string& text) {
    const auto known = index_.find(text);
    return known != index_.end() ? known->second : index_[text] = rules_.declare(text);
  }

  Result<Done> rule_definition() {
    const std::string text = name();
    if (text.empty()) return wrong("expected the name of a rule");
    space(Lines::stay);
    if (!(take(':') && take(':') && take('='))) return wrong("expected '::=' after '" + text + "'");
    const uint32_t index = rule_index(text);
    if (rules_.rules[index]) return wrong("rule '" + text + "' is defined twice");
    space(Lines::cross);
    TRY(rules_.rules[index], alternatives(0));
    if (!done() && peek() != '\n' && peek() != '\r') return wrong("expected the end of rule '" + text + "'");
    return Done{};
  }

  Result<ExprPtr> alternatives(int nesting) {
    if (nesting > kMaxNesting) return wrong("parentheses nested too deep");
    std::vector<ExprPtr> parts;
    do {
      space(Lines::cross);
      TRY(ExprPtr part, items(nesting));
      parts.push_back(std::move(part));
    } while (take('|'));
    return choice(std::move(parts));
  }

  Result<ExprPtr> items(int nesting) {
    const Lines lines = nesting > 0 ? Lines::cross : Lines::stay;
    std::vector<ExprPtr> parts;
    for (space(lines); !done(); space(lines)) {
      const uint32_t c = peek();
      if (c == '|' || c == ')' || c == '\n' || c == '\r') break;
      TRY(ExprPtr part, item(nesting));
      space(lines);
      TRY(part, repeated(std::move(part)));
      parts.push_back(std::move(part));
    }
    return sequence(std::move(parts));
  }

  Result<ExprPtr> item(int nesting) {
    if (take('"')) return string();
    if (take('[')) return char_class();
    if (take('.')) return chars({{0, kMaxChar}});
    if (take('(')) {
      TRY(ExprPtr inner, alternatives(nesting + 1));
      if (!take(')')) return wrong("expected ')'");
      return inner;
    }
    const std::string text = name();
    if (text.empty()) return wrong(fmt::format("unexpected character U+{:04X}", peek()));
    return rule(rule_index(text));
  }

  Result<ExprPtr> repeated(ExprPtr part) {
    for (int times = 0;; ++times) {
      if (times > kMaxNesting) return wrong("too many repetitions of one item");
      if (take('*')) {
        part = repeat(part, 0, kNoLimit);
      } else if (take('+')) {
        part = repeat(part, 1, kNoLimit);
      } else if (take('?')) {
        part = repeat(part, 0, 1);
      } else if (take('{')) {
        auto count = read_times(text_, at_);
        if (!count.ok()) return wrong(count.message());
        part = repeat(part, count->min, count->max);
      } else {
        return part;
      }
    }
  }

  Result<uint32_t> character() {
    if (done()) return wrong("the text ends inside a string or class");
    const uint32_t c = text_[at_++];
    if (c != '\\') return c;
    const uint32_t escaped = peek();
    ++at_;
    switch (escaped) {
      case 'n':
        return uint32_t{'\n'};
      case 't':
        return uint32_t{'\t'};
      case 'r':
        return uint32_t{'\r'};
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      case '"':
      case '\\':
      case '[':
      case ']':
      case '-':
      case '^':
        return escaped;
      default:
        return wrong(fmt::format("unknown escape of U+{:04X}", escaped));
    }
  }

  Result<uint32_t> hex(int digits) {
    uint64_t value = 0;
    for (; digits > 0; --digits, ++at_) {
      const int digit = hex_digit(peek());
      if (digit < 0) return wrong("expected a hexadecimal digit");
      value = value * 16 + static_cast<uint64_t>(digit);
    }
    if (value > kMaxChar || (value >= 0xD800 && value <= 0xDFFF))
      return wrong(fmt::format("U+{:04X} is no character", value));
    return static_cast<uint32_t>(value);
  }

  Result<ExprPtr> string() {
    std::string bytes;
    while (!take('"')) {
      TRY(const uint32_t c, character());
      append_utf8(c, bytes);
    }
    return literal(std::move(bytes));
  }

  Result<ExprPtr> char_class() {
    const bool negated = take('^');
    std::vector<CharRange> ranges;
    while (!take(']')) {
      TRY(const uint32_t low, character());
      uint32_t high = low;
      if (peek() == '-' && peek(1) != ']') {
        ++at_;
        TRY(high, character());
        if (high < low) return wrong("a range of characters runs backwards");
      }
      ranges.push_back({low, high});
    }
    CharSet set = make_set(std::move(ranges));
    return chars(negated ? complement(set) : std::move(set));
  }

  std::vector<uint32_t> text_;
  size_t at_ = 0;
  RuleSet rules_;
  std::map<std::string, uint32_t> index_;
};

}  // namespace

Result<RuleSet> parse_gbnf(std::string_view text) {
  if (text.size() > kMaxText) return error("grammar: got {} bytes, want at most {}", text.size(), kMaxText);
  TRY(std::vector<uint32_t> points, code_points(text, "grammar"));
  return Parser(std::move(points)).run();
}

}  // namespace hearth::grammar
