// pcre_dialect: Oniguruma's pattern syntax rewritten as PCRE2's.
#include <memory>
#include <utility>

#include "text/regex.h"

namespace hearth {

namespace {

// Insides of a character class. White_Space is written out: PCRE2 counts U+180E in \s, Unicode does not.
constexpr std::string_view kSpace =
    R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNotSpace =
    R"(\x00-\x08\x0e-\x1f\x21-\x84\x86-\x9f\xa1-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e})"
    R"(\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view kHex = "0-9A-Fa-f";
constexpr std::string_view kNotHex = R"(\x00-\x2f\x3a-\x40\x47-\x60\x67-\x{10ffff})";
constexpr std::string_view kPunct = R"(\p{P}$+<=>\^`|~)";

// One-letter classes: letter, what it holds, or (where a class cannot say it) what it must not hold.
struct Escape {
  char letter;
  std::string_view holds, excludes;
};
constexpr Escape kEscapes[] = {
    {'s', kSpace, {}}, {'S', kNotSpace, {}},  {'w', kWord, {}},  {'W', {}, kWord},
    {'h', kHex, {}},   {'H', kNotHex, {}},    {'v', R"(\x0b)", {}},
};

// Long names of properties; any other name is a script, asked for by Script and not by Script_Extensions.
constexpr std::pair<std::string_view, std::string_view> kProperties[] = {
    {"letter", R"(\p{L})"},          {"mark", R"(\p{M})"},            {"number", R"(\p{N})"},
    {"punctuation", R"(\p{P})"},     {"symbol", R"(\p{S})"},          {"separator", R"(\p{Z})"},
    {"other", R"(\p{C})"},           {"uppercaseletter", R"(\p{Lu})"}, {"lowercaseletter", R"(\p{Ll})"},
    {"titlecaseletter", R"(\p{Lt})"}, {"modifierletter", R"(\p{Lm})"}, {"otherletter", R"(\p{Lo})"},
    {"nonspacingmark", R"(\p{Mn})"}, {"spacingmark", R"(\p{Mc})"},    {"enclosingmark", R"(\p{Me})"},
    {"decimalnumber", R"(\p{Nd})"},  {"letternumber", R"(\p{Nl})"},   {"othernumber", R"(\p{No})"},
    {"mathsymbol", R"(\p{Sm})"},     {"currencysymbol", R"(\p{Sc})"}, {"modifiersymbol", R"(\p{Sk})"},
    {"othersymbol", R"(\p{So})"},    {"control", R"(\p{Cc})"},        {"format", R"(\p{Cf})"},
    {"any", R"(\p{Any})"},           {"ascii", R"(\x00-\x7f)"},       {"punct", kPunct},
    {"space", kSpace},               {"whitespace", kSpace},          {"digit", R"(\p{Nd})"},
    {"alpha", R"(\p{Alphabetic})"},  {"alphabetic", R"(\p{Alphabetic})"}, {"alnum", R"(\p{Alphabetic}\p{Nd})"},
    {"upper", R"(\p{Uppercase})"},   {"uppercase", R"(\p{Uppercase})"},   {"lower", R"(\p{Lowercase})"},
    {"lowercase", R"(\p{Lowercase})"}, {"xdigit", kHex},              {"word", kWord},
    {"cntrl", R"(\p{Cc})"},          {"emoji", R"(\p{Emoji})"},
};

// A class as PCRE2 can say it: the inside of [...], and whole expressions of one character that no inside can hold.
struct Members {
  std::string inside;
  std::vector<std::string> whole;

  void add(const Members& other) {
    inside += other.inside;
    whole.insert(whole.end(), other.whole.begin(), other.whole.end());
  }
  std::string expression() const {
    std::string own = inside.empty() ? "(?!)" : "[" + inside + "]";
    if (whole.empty()) return own;
    std::string any = "(?:" + own;
    for (const std::string& one : whole) any += "|" + one;
    return any + ")";
  }
  std::string complement() const {
    if (whole.empty() && !inside.empty()) return "[^" + inside + "]";
    return "(?:(?!" + expression() + R"()\p{Any}))";
  }
};

class Rewriter {
 public:
  explicit Rewriter(std::string_view in) : in_(in) {}

  std::string rewrite() {
    while (at_ < in_.size()) step();
    return std::move(out_);
  }

 private:
  bool sees(std::string_view text) const { return in_.substr(at_, text.size()) == text; }
  bool done() const { return at_ >= in_.size(); }

  void atom(std::string_view text) {
    atom_ = out_.size();
    out_ += text;
  }

  void step() {
    char c = in_[at_];
    if (c == '\\') return escape();
    if (c == '[') {
      ++at_;
      return atom(whole_class(0));
    }
    if (c == '(') return open();
    if (c == ')') {
      if (!groups_.empty()) {
        atom_ = groups_.back();
        groups_.pop_back();
      }
      out_ += c;
      ++at_;
      return;
    }
    if (c == '{') return braces();
    ++at_;
    if (c == '*' || c == '+' || c == '?') {
      out_ += c;
      return;
    }
    if ((c & 0xC0) == 0x80) {      // a character's further bytes
      out_ += c;
      return;
    }
    atom(std::string_view(&c, 1));
  }

  // (?m) is "dot matches newline" here, which PCRE2 calls (?s).
  void open() {
    groups_.push_back(out_.size());
    out_ += in_[at_++];
    if (!sees("?")) return;
    out_ += in_[at_++];
    for (size_t i = at_; i < in_.size(); ++i) {
      char c = in_[i];
      if (c != 'i' && c != 'm' && c != 'x' && c != '-') {
        if (c == ':' || c == ')') {
          for (; at_ < i; ++at_) out_ += in_[at_] == 'm' ? 's' : in_[at_];
        }
        return;
      }
    }
  }

  // X{n,m}+ repeats a repeat: (?:X{n,m})+.   {,m} is {0,m}.
  void braces() {
    size_t close = in_.find('}', at_);
    std::string_view inner = close == in_.npos ? "" : in_.substr(at_ + 1, close - at_ - 1);
    bool counts = !inner.empty() && inner.find_first_not_of("0123456789,") == inner.npos && inner != ",";
    if (!counts) {
      ++at_;
      return atom("\\{");
    }
    at_ = close + 1;
    out_ += inner[0] == ',' ? "{0" : "{";
    out_ += inner;
    out_ += '}';
    if (!sees("+") || atom_ > out_.size()) return;
    out_.insert(atom_, "(?:");
    out_ += ")";
  }

  void escape() {
    size_t before = at_;
    if (auto members = class_escape()) return atom(members->expression());
    at_ = before + 1;
    if (done()) return atom("\\");
    if (sees("u") && in_.size() - at_ >= 5) {
      atom("\\x{" + std::string(in_.substr(at_ + 1, 4)) + "}");
      at_ += 5;
      return;
    }
    atom("\\");
    out_ += in_[at_++];
  }

  // At a backslash: the class that it names, if it names one.
  std::unique_ptr<Members> class_escape() {
    if (at_ + 1 >= in_.size()) return nullptr;
    char letter = in_[at_ + 1];
    for (const Escape& known : kEscapes) {
      if (known.letter != letter) continue;
      at_ += 2;
      auto members = std::make_unique<Members>();
      members->inside = known.holds;
      if (!known.excludes.empty()) members->whole.push_back("[^" + std::string(known.excludes) + "]");
      return members;
    }
    if ((letter != 'p' && letter != 'P') || at_ + 2 >= in_.size() || in_[at_ + 2] != '{') return nullptr;
    size_t close = in_.find('}', at_);
    if (close == in_.npos) return nullptr;
    std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
    at_ = close + 1;
    return std::make_unique<Members>(property(name, letter == 'P'));
  }

  static Members property(std::string_view name, bool negated) {
    if (!name.empty() && name[0] == '^') {
      negated = !negated;
      name.remove_prefix(1);
    }
    Members members;
    if (name.size() <= 2) {
      members.inside = std::string(negated ? "\\P{" : "\\p{") + std::string(name) + "}";
      return members;
    }
    std::string plain;
    for (char c : name) {
      if (c != '_' && c != '-' && c != ' ') plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    members.inside = "\\p{sc:" + std::string(name) + "}";
    for (const auto& [known, inside] : kProperties) {
      if (known == plain) members.inside = inside;
    }
    if (!negated) return members;
    Members outside;
    outside.whole.push_back(members.complement());
    return outside;
  }

  // After '[': the class as an expression of one character.
  std::string whole_class(int depth) {
    auto [members, negated] = class_members(depth);
    return negated ? members.complement() : members.expression();
  }

  std::pair<Members, bool> class_members(int depth) {
    bool negated = sees("^");
    if (negated) ++at_;
    Members all, operand;
    bool crossed = false;
    auto intersect = [&] {
      if (crossed) {
        Members both;
        both.whole.push_back("(?:(?=" + all.expression() + ")" + operand.expression() + ")");
        all = std::move(both);
      } else {
        all = std::move(operand);
      }
      operand = {};
    };
    for (bool first = true; !done(); first = false) {
      if (sees("]") && !first) break;
      if (sees("&&")) {
        at_ += 2;
        intersect();
        crossed = true;
        continue;
      }
      member(operand, depth);
    }
    if (!done()) {
      ++at_;
    } else {
      operand.inside += "[";      // no closing bracket: an expression that does not compile
    }
    intersect();
    return {std::move(all), negated};
  }

  void member(Members& members, int depth) {
    if (sees("[:")) {
      size_t close = in_.find(":]", at_);
      if (close != in_.npos) {
        members.inside += in_.substr(at_, close + 2 - at_);
        at_ = close + 2;
        return;
      }
    }
    if (sees("[") && depth < 20) {
      ++at_;
      auto [inner, negated] = class_members(depth + 1);
      if (negated) {
        members.whole.push_back(inner.complement());
      } else {
        members.add(inner);
      }
      return;
    }
    if (sees("\\")) {
      size_t before = at_;
      if (auto known = class_escape()) {
        members.add(*known);
        if (sees("-")) {      // a '-' after a class is no range
          members.inside += "\\-";
          ++at_;
        }
        return;
      }
      at_ = before + 1;
      if (sees("u") && in_.size() - at_ >= 5) {
        members.inside += "\\x{" + std::string(in_.substr(at_ + 1, 4)) + "}";
        at_ += 5;
        return;
      }
      members.inside += '\\';
      if (!done()) members.inside += in_[at_++];
      return;
    }
    char c = in_[at_++];
    if (c == '^' || c == '[' || c == ']') members.inside += '\\';
    members.inside += c;
  }

  std::string_view in_;
  size_t at_ = 0;
  std::string out_;
  size_t atom_ = 0;                   // where the last atom starts in out_
  std::vector<size_t> groups_;        // where each open group starts
};

}  // namespace

std::string pcre_dialect(std::string_view oniguruma) { return Rewriter(oniguruma).rewrite(); }

}  // namespace hearth
