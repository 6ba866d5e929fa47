// Formulas: a recursive-descent parser that writes postfix steps, and an evaluator that checks every operation.
#include "artifact/formula.h"

#include <cctype>

#include "base/check.h"

namespace hearth {
namespace {

constexpr size_t kMostText = 4096;  // characters
constexpr int kMostNesting = 64;    // parentheses and calls
constexpr int kMostStack = 256;     // values waiting at once: a nesting level holds at most three

bool starts_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool continues_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// a / b rounded toward minus infinity; b is not 0.
bool floor_divide(int64_t a, int64_t b, int64_t* quotient, int64_t* rest) {
  if (a == INT64_MIN && b == -1) return false;
  *quotient = a / b;
  *rest = a % b;
  if (*rest != 0 && (*rest < 0) != (b < 0)) {
    *quotient -= 1;
    *rest += b;
  }
  return true;
}

// Steps are written through `emit(op, value)`; the parser knows nothing of their storage.
template <class Emit>
class Parser {
 public:
  Parser(std::string_view text, std::span<const std::string> sizes, Emit emit)
      : text_(text), sizes_(sizes), emit_(emit) {}

  Result<Done> whole() {
    TRY_DONE(sum());
    skip_blanks();
    if (at_ != text_.size()) return wrong("an operator or the end");
    return Done{};
  }

 private:
  Result<Done> sum() {
    TRY_DONE(product());
    for (char op = peek(); op == '+' || op == '-'; op = peek()) {
      ++at_;
      TRY_DONE(product());
      TRY_DONE(push(op, 0));
    }
    return Done{};
  }

  Result<Done> product() {
    TRY_DONE(atom());
    for (char op = peek(); op == '*' || op == '/' || op == '%'; op = peek()) {
      ++at_;
      TRY_DONE(atom());
      TRY_DONE(push(op, 0));
    }
    return Done{};
  }

  Result<Done> atom() {
    const char c = peek();
    if (c == '(') return enclosed([this] { return sum(); });
    if (starts_name(c)) return name();
    if (is_digit(c) || (c == '-' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number();
    return wrong("a number, a size, min, max or '('");
  }

  Result<Done> number() {
    const bool negative = text_[at_] == '-';
    if (negative) ++at_;
    int64_t value = 0;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
      const int64_t digit = text_[at_] - '0';
      if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
        return wrong("a number below 2^63");
    }
    return push('#', negative ? -value : value);
  }

  Result<Done> name() {
    const size_t begin = at_;
    while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if ((word == "min" || word == "max") && peek() == '(') return call(word == "min" ? 'm' : 'M');
    for (size_t i = 0; i < sizes_.size(); ++i)
      if (sizes_[i] == word) return push('$', static_cast<int64_t>(i));
    at_ = begin;
    return wrong("the name of a declared size");
  }

  Result<Done> call(char op) {
    return enclosed([this, op]() -> Result<Done> {
      TRY_DONE(sum());
      if (peek() != ',') return wrong("','");
      ++at_;
      TRY_DONE(sum());
      return push(op, 0);
    });
  }

  template <class Inside>
  Result<Done> enclosed(Inside inside) {
    if (++nesting_ > kMostNesting) return wrong("at most 64 nested parentheses");
    ++at_;
    TRY_DONE(inside());
    if (peek() != ')') return wrong("')'");
    ++at_;
    --nesting_;
    return Done{};
  }

  Result<Done> push(char op, int64_t value) {
    depth_ += op == '#' || op == '$' ? 1 : -1;
    if (depth_ > kMostStack) return wrong("a simpler formula");
    emit_(op, value);
    return Done{};
  }

  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  char peek() {
    skip_blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  Error wrong(const char* want) const {
    const std::string_view shown = text_.substr(0, 80);
    return error("formula: '{}': character {}: want {}", shown, at_ + 1, want);
  }

  std::string_view text_;
  std::span<const std::string> sizes_;
  Emit emit_;
  size_t at_ = 0;
  int nesting_ = 0, depth_ = 0;
};

// False when the operation has no value in 64 bits.
bool apply(char op, int64_t a, int64_t b, int64_t* out) {
  int64_t unused = 0;
  switch (op) {
    case '+':
      return !__builtin_add_overflow(a, b, out);
    case '-':
      return !__builtin_sub_overflow(a, b, out);
    case '*':
      return !__builtin_mul_overflow(a, b, out);
    case '/':
      return b != 0 && floor_divide(a, b, out, &unused);
    case '%':
      return b != 0 && floor_divide(a, b, &unused, out);
    case 'm':
      *out = a < b ? a : b;
      return true;
    case 'M':
      *out = a > b ? a : b;
      return true;
  }
  check_failed(__FILE__, __LINE__, "unknown formula step");
}

}  // namespace

Result<Formula> Formula::parse(std::string_view text, std::span<const std::string> sizes) {
  if (text.size() > kMostText) return error("formula: got {} characters, want at most {}", text.size(), kMostText);
  Formula formula;
  formula.text_ = std::string(text);
  auto emit = [&formula](char op, int64_t value) { formula.steps_.push_back({op, value}); };
  TRY_DONE(Parser<decltype(emit)>(formula.text_, sizes, emit).whole());
  return formula;
}

Result<int64_t> Formula::evaluate(std::span<const int64_t> values) const {
  int64_t stack[kMostStack + 1] = {0};
  int top = 0;  // stack[top - 1] is the last value
  for (const Step& step : steps_) {
    if (step.op == '#') {
      stack[top++] = step.value;
    } else if (step.op == '$') {
      CHECK(static_cast<size_t>(step.value) < values.size(), "formula '{}' got {} sizes", text_, values.size());
      stack[top++] = values[static_cast<size_t>(step.value)];
    } else {
      const int64_t a = stack[top - 2], b = stack[top - 1];
      if (!apply(step.op, a, b, &stack[top - 2]))
        return error("formula: '{}': {} {} {} has no 64-bit value", text_, a, step.op, b);
      --top;
    }
  }
  return stack[0];
}

}  // namespace hearth
