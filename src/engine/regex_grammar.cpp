// Parses regular expressions and resolves their anchors.
#include "engine/regex_grammar.h"

#include <algorithm>

#include "engine/grammar_times.h"

namespace hearth::grammar {
namespace {

using Kind = RegexNode::Kind;
constexpr size_t kMaxPattern = 64 << 10;
constexpr int kMaxNesting = 100;
constexpr size_t kMaxAlternatives = 2000;

const CharSet kDigit{{'0', '9'}};
const CharSet& word_set() {
  static const CharSet kSet = make_set({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
  return kSet;
}
const CharSet& space_set() {
  static const CharSet kSet = make_set({{9, 13},
                                        {' ', ' '},
                                        {0xA0, 0xA0},
                                        {0x1680, 0x1680},
                                        {0x2000, 0x200A},
                                        {0x2028, 0x2029},
                                        {0x202F, 0x202F},
                                        {0x205F, 0x205F},
                                        {0x3000, 0x3000},
                                        {0xFEFF, 0xFEFF}});
  return kSet;
}
const CharSet& dot_set() {
  static const CharSet kSet = complement(make_set({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
  return kSet;
}

RegexPtr node(Kind kind, std::vector<RegexPtr> parts = {}, uint32_t min = 0, uint32_t max = 0) {
  auto made = std::make_shared<RegexNode>();
  made->kind = kind;
  made->parts = std::move(parts);
  made->min = min, made->max = max;
  return made;
}

RegexPtr chars_node(CharSet set) {
  auto made = std::make_shared<RegexNode>();
  made->kind = Kind::chars;
  made->set = std::move(set);
  return made;
}

class Parser {
 public:
  Parser(std::vector<uint32_t> text, std::string_view who) : text_(std::move(text)), who_(who) {}

  Result<RegexPtr> run() {
    TRY(RegexPtr tree, alternatives(0));
    if (!done()) return wrong("unmatched ')'");
    return tree;
  }

 private:
  bool done() const { return at_ >= text_.size(); }
  uint32_t peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  bool take(char c) {
    if (done() || peek() != static_cast<uint32_t>(c)) return false;
    ++at_;
    return true;
  }
  Error wrong(const std::string& what) const { return error("{}: pattern, character {}: {}", who_, at_, what); }

  Result<RegexPtr> alternatives(int nesting) {
    if (nesting > kMaxNesting) return wrong("groups nested too deep");
    std::vector<RegexPtr> parts;
    do {
      std::vector<RegexPtr> items;
      while (!done() && peek() != '|' && peek() != ')') {
        TRY(RegexPtr item, atom(nesting));
        TRY(item, repeated(std::move(item)));
        items.push_back(std::move(item));
      }
      parts.push_back(items.size() == 1 ? items[0] : node(Kind::sequence, std::move(items)));
    } while (take('|'));
    return parts.size() == 1 ? parts[0] : node(Kind::choice, std::move(parts));
  }

  Result<RegexPtr> atom(int nesting) {
    const uint32_t c = text_[at_++];
    switch (c) {
      case '^':
        return node(Kind::at_start);
      case '$':
        return node(Kind::at_end);
      case '.':
        return chars_node(dot_set());
      case '[':
        return char_class();
      case '(':
        return group(nesting);
      case '\\': {
        TRY(CharSet set, escape());
        return chars_node(std::move(set));
      }
      case '*':
      case '+':
      case '?':
        return wrong("nothing to repeat");
      default:
        return chars_node({{c, c}});
    }
  }

  Result<RegexPtr> group(int nesting) {
    if (take('?')) {
      if (peek() == '=' || peek() == '!') return wrong("look-ahead is not supported");
      if (peek() == '<' && (peek(1) == '=' || peek(1) == '!')) return wrong("look-behind is not supported");
      take('P');
      if (take('<')) {
        while (!done() && peek() != '>') ++at_;
        if (!take('>')) return wrong("a group's name has no '>'");
      } else if (!take(':')) {
        return wrong("this kind of group is not supported; use (?:...)");
      }
    }
    TRY(RegexPtr inner, alternatives(nesting + 1));
    if (!take(')')) return wrong("expected ')'");
    return inner;
  }

  Result<RegexPtr> repeated(RegexPtr item) {
    for (int times = 0;; ++times) {
      Times count;
      if (take('*')) {
      } else if (take('+')) {
        count.min = 1;
      } else if (take('?')) {
        count.max = 1;
      } else if (peek() == '{' && peek(1) >= '0' && peek(1) <= '9') {
        auto read = read_times(text_, ++at_);
        if (!read.ok()) return wrong(read.message());
        count = *read;
      } else {
        return item;
      }
      if (times > 0) return wrong("nothing to repeat");
      if (item->kind == Kind::at_start || item->kind == Kind::at_end) return wrong("an anchor cannot be repeated");
      take('?');  // lazy: the same texts
      if (peek() == '+') return wrong("possessive repetition is not supported");
      item = node(Kind::repeat, {item}, count.min, count.max);
    }
  }

  Result<uint32_t> hex(size_t least, size_t most) {
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < most; ++digits, ++at_) {
      const uint32_t c = peek(), lower = c | 0x20;
      if (c >= '0' && c <= '9')
        value = value * 16 + (c - '0');
      else if (lower >= 'a' && lower <= 'f')
        value = value * 16 + (lower - 'a' + 10);
      else
        break;
    }
    if (digits < least) return wrong("expected a hexadecimal digit");
    if (value > kMaxChar) return wrong(fmt::format("U+{:X} is no character", value));
    return static_cast<uint32_t>(value);
  }

  // After the backslash: one character, or a class.
  Result<CharSet> escape() {
    if (done()) return wrong("ends in a backslash");
    const uint32_t c = text_[at_++];
    const auto one = [](uint32_t point) { return CharSet{{point, point}}; };
    switch (c) {
      case 'd':
        return kDigit;
      case 'D':
        return complement(kDigit);
      case 'w':
        return word_set();
      case 'W':
        return complement(word_set());
      case 's':
        return space_set();
      case 'S':
        return complement(space_set());
      case 'n':
        return one('\n');
      case 't':
        return one('\t');
      case 'r':
        return one('\r');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case '0':
        if (peek() >= '0' && peek() <= '9') return wrong("octal escapes are not supported; use \\xHH");
        return one(0);
      case 'c':
        if (((peek() | 0x20) < 'a') || ((peek() | 0x20) > 'z')) return wrong("expected a letter after \\c");
        return one(text_[at_++] & 31);
      case 'x': {
        TRY(const uint32_t point, hex(2, 2));
        return one(point);
      }
      case 'u': {
        TRY(const uint32_t point, unicode());
        return one(point);
      }
      case 'b':
      case 'B':
        return wrong("\\b and \\B are not supported");
      case 'p':
      case 'P':
        return wrong("\\p{...} is not supported; write the ranges");
      default:
        break;
    }
    if (c >= '1' && c <= '9') return wrong("back references are not supported");
    if (c == 'k') return wrong("back references are not supported");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      return wrong(fmt::format("unknown escape \\{}", static_cast<char>(c)));
    return one(c);
  }

  Result<uint32_t> unicode() {
    if (take('{')) {
      TRY(const uint32_t point, hex(1, 6));
      if (!take('}')) return wrong("expected '}'");
      return point;
    }
    TRY(const uint32_t high, hex(4, 4));
    if (high < 0xD800 || high > 0xDBFF || peek() != '\\' || peek(1) != 'u') return high;
    at_ += 2;
    TRY(const uint32_t low, hex(4, 4));
    if (low < 0xDC00 || low > 0xDFFF) return wrong("half of a surrogate pair");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  Result<CharSet> class_item() {
    const uint32_t c = text_[at_++];
    if (c != '\\') return CharSet{{c, c}};
    if (take('b')) return CharSet{{8, 8}};
    return escape();
  }

  static bool is_single(const CharSet& set) { return set.size() == 1 && set[0].low == set[0].high; }

  Result<RegexPtr> char_class() {
    const bool negated = take('^');
    std::vector<CharRange> ranges;
    while (!done() && peek() != ']') {
      TRY(CharSet low, class_item());
      if (peek() == '-' && peek(1) != ']' && at_ + 1 < text_.size() && is_single(low)) {
        ++at_;
        TRY(const CharSet high, class_item());
        if (!is_single(high) || high[0].low < low[0].low) return wrong("a range of characters is wrong");
        low[0].high = high[0].low;
      }
      ranges.insert(ranges.end(), low.begin(), low.end());
    }
    if (!take(']')) return wrong("expected ']'");
    CharSet set = make_set(std::move(ranges));
    return chars_node(negated ? complement(set) : std::move(set));
  }

  std::vector<uint32_t> text_;
  size_t at_ = 0;
  std::string_view who_;
};

bool has_anchor(const RegexNode& regex) {
  if (regex.kind == Kind::at_start || regex.kind == Kind::at_end) return true;
  return std::any_of(regex.parts.begin(), regex.parts.end(), [](const RegexPtr& part) { return has_anchor(*part); });
}

// The alternatives of a pattern as flat sequences, opened only as far as their ends hold anchors.
Result<Done> flatten(std::vector<RegexPtr> items, std::vector<std::vector<RegexPtr>>& out, std::string_view who) {
  if (out.size() > kMaxAlternatives) return error("{}: pattern: too many alternatives with anchors", who);
  for (size_t i = 0; i < items.size(); ++i) {
    const RegexPtr item = items[i];
    if (!has_anchor(*item) || (item->kind != Kind::sequence && item->kind != Kind::choice)) continue;
    const bool together = item->kind == Kind::sequence;
    for (const RegexPtr& part : together ? std::vector<RegexPtr>{nullptr} : item->parts) {
      std::vector<RegexPtr> opened(items.begin(), items.begin() + static_cast<ptrdiff_t>(i));
      if (together)
        opened.insert(opened.end(), item->parts.begin(), item->parts.end());
      else
        opened.push_back(part);
      opened.insert(opened.end(), items.begin() + static_cast<ptrdiff_t>(i) + 1, items.end());
      if (opened.size() > kMaxPattern) return error("{}: pattern: too long", who);
      TRY_DONE(flatten(std::move(opened), out, who));
    }
    return Done{};
  }
  out.push_back(std::move(items));
  return Done{};
}

}  // namespace

Result<RegexPtr> parse_regex(std::string_view pattern, Match match, std::string_view who) {
  if (pattern.size() > kMaxPattern)
    return error("{}: pattern: got {} bytes, want at most {}", who, pattern.size(), kMaxPattern);
  TRY(std::vector<uint32_t> points, code_points(pattern, who));
  TRY(RegexPtr tree, Parser(std::move(points), who).run());
  std::vector<std::vector<RegexPtr>> sequences;
  TRY_DONE(flatten({tree}, sequences, who));
  const RegexPtr anything = node(Kind::repeat, {chars_node({{0, kMaxChar}})}, 0, kNoLimit);
  std::vector<RegexPtr> ways;
  for (std::vector<RegexPtr>& items : sequences) {
    size_t from = 0, to = items.size();
    while (from < to && items[from]->kind == Kind::at_start) ++from;
    while (to > from && items[to - 1]->kind == Kind::at_end) --to;
    std::vector<RegexPtr> way(items.begin() + static_cast<ptrdiff_t>(from), items.begin() + static_cast<ptrdiff_t>(to));
    for (const RegexPtr& item : way)
      if (has_anchor(*item))
        return error("{}: pattern: '^' and '$' are supported only at the ends of alternatives", who);
    if (match == Match::search && from == 0) way.insert(way.begin(), anything);
    if (match == Match::search && to == items.size()) way.push_back(anything);
    ways.push_back(node(Kind::sequence, std::move(way)));
  }
  return ways.size() == 1 ? ways[0] : node(Kind::choice, std::move(ways));
}

ExprPtr expression_of(const RegexNode& regex, Coding coding) {
  if (regex.kind == Kind::chars) return chars(regex.set, coding);
  std::vector<ExprPtr> parts;
  for (const RegexPtr& part : regex.parts) parts.push_back(expression_of(*part, coding));
  if (regex.kind == Kind::repeat) return repeat(parts[0], regex.min, regex.max);
  return regex.kind == Kind::choice ? choice(std::move(parts)) : sequence(std::move(parts));
}

Result<ExprPtr> whole_regex(std::string_view pattern, std::string_view who) {
  TRY(const RegexPtr regex, parse_regex(pattern, Match::whole, who));
  return expression_of(*regex, Coding::plain);
}

}  // namespace hearth::grammar
