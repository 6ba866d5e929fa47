// Dim: construction with folding, evaluation, text and its parser.
#include "ir/dim.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace hearth {

struct Dim::Node {
  DimKind kind = DimKind::constant;
  int64_t value = 0;
  std::string name;
  std::shared_ptr<const Node> left, right;
};

Dim::Dim(int64_t value) : node_(std::make_shared<Node>(Node{DimKind::constant, value, {}, {}, {}})) {}

Dim Dim::size(std::string name) {
  CHECK(!name.empty(), "a size needs a name");
  return Dim(std::make_shared<Node>(Node{DimKind::size, 0, std::move(name), {}, {}}));
}

DimKind Dim::kind() const { return node_->kind; }

int64_t Dim::value() const {
  CHECK(is_constant(), "'{}' is no constant", text());
  return node_->value;
}

const std::string& Dim::name() const {
  CHECK(kind() == DimKind::size, "'{}' is no size", text());
  return node_->name;
}

Dim Dim::left() const {
  CHECK(node_->left != nullptr, "'{}' has no operands", text());
  return Dim(node_->left);
}

Dim Dim::right() const {
  CHECK(node_->right != nullptr, "'{}' has no operands", text());
  return Dim(node_->right);
}

bool Dim::operator==(const Dim& other) const {
  if (node_ == other.node_) return true;
  if (kind() != other.kind()) return false;
  if (kind() == DimKind::constant) return node_->value == other.node_->value;
  if (kind() == DimKind::size) return node_->name == other.node_->name;
  return left() == other.left() && right() == other.right();
}

namespace {

// Floor division; nullopt where it has no value in 64 bits.
std::optional<int64_t> floor_div(int64_t a, int64_t b) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return std::nullopt;
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

std::optional<int64_t> floor_mod(int64_t a, int64_t b) {
  if (b == 0) return std::nullopt;
  if (b == -1) return 0;
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

// One operation on numbers; nullopt on overflow or division by zero.
std::optional<int64_t> apply(DimKind kind, int64_t a, int64_t b) {
  int64_t out = 0;
  switch (kind) {
    case DimKind::add:
      return __builtin_add_overflow(a, b, &out) ? std::nullopt : std::optional(out);
    case DimKind::sub:
      return __builtin_sub_overflow(a, b, &out) ? std::nullopt : std::optional(out);
    case DimKind::mul:
      return __builtin_mul_overflow(a, b, &out) ? std::nullopt : std::optional(out);
    case DimKind::div:
      return floor_div(a, b);
    case DimKind::mod:
      return floor_mod(a, b);
    case DimKind::min:
      return std::min(a, b);
    case DimKind::max:
      return std::max(a, b);
    case DimKind::constant:
    case DimKind::size:
      break;
  }
  return std::nullopt;
}

bool is_value(const Dim& d, int64_t value) { return d.is_constant() && d.value() == value; }

// Is `d` `x op c` with a constant c?
bool ends_in_constant(const Dim& d, DimKind op) { return d.kind() == op && d.right().is_constant(); }

// `x op c` where x may itself end in a constant: the two constants become one.
std::optional<Dim> fold_constant_add(const Dim& a, int64_t c) {
  if (c == 0) return a;
  if (!ends_in_constant(a, DimKind::add)) return std::nullopt;
  auto sum = apply(DimKind::add, a.right().value(), c);
  if (!sum) return std::nullopt;
  return a.left() + Dim(*sum);
}

std::optional<Dim> fold_constant_mul(const Dim& a, int64_t c) {
  if (c == 0) return Dim(0);
  if (c == 1) return a;
  if (!ends_in_constant(a, DimKind::mul)) return std::nullopt;
  auto product = apply(DimKind::mul, a.right().value(), c);
  if (!product) return std::nullopt;
  return a.left() * Dim(*product);
}

// x*6/3 -> x*2,  x/2/3 -> x/6,  (x*6 + y)/3 -> x*2 + y/3; all exact for floor division by a positive number.
std::optional<Dim> fold_constant_div(const Dim& a, int64_t c) {
  if (c == 1) return a;
  if (c <= 0) return std::nullopt;
  if (ends_in_constant(a, DimKind::mul) && a.right().value() % c == 0) return a.left() * Dim(a.right().value() / c);
  if (ends_in_constant(a, DimKind::div) && a.right().value() > 0) {
    auto product = apply(DimKind::mul, a.right().value(), c);
    if (product) return a.left() / Dim(*product);
  }
  if (ends_in_constant(a, DimKind::add) && a.right().value() % c == 0) {
    return a.left() / Dim(c) + Dim(a.right().value() / c);
  }
  if (a.kind() == DimKind::add && ends_in_constant(a.left(), DimKind::mul) && a.left().right().value() % c == 0) {
    return a.left() / Dim(c) + a.right() / Dim(c);
  }
  return std::nullopt;
}

std::optional<Dim> fold_constant_mod(const Dim& a, int64_t c) {
  if (c == 1) return Dim(0);
  if (c <= 0) return std::nullopt;
  if (ends_in_constant(a, DimKind::mul) && a.right().value() % c == 0) return Dim(0);
  if (ends_in_constant(a, DimKind::add) && a.right().value() % c == 0) return a.left() % Dim(c);
  return std::nullopt;
}

std::optional<Dim> fold_with_constant(DimKind kind, const Dim& a, int64_t c) {
  switch (kind) {
    case DimKind::add:
      return fold_constant_add(a, c);
    case DimKind::sub:
      return c == INT64_MIN ? std::nullopt : std::optional(a + Dim(-c));
    case DimKind::mul:
      return fold_constant_mul(a, c);
    case DimKind::div:
      return fold_constant_div(a, c);
    case DimKind::mod:
      return fold_constant_mod(a, c);
    default:
      return std::nullopt;
  }
}

bool commutes(DimKind kind) {
  return kind == DimKind::add || kind == DimKind::mul || kind == DimKind::min || kind == DimKind::max;
}

// The simpler equal of `a kind b`, if there is one. Constants move right: 3 + x -> x + 3, (x + 3) + y -> (x + y) + 3.
std::optional<Dim> fold(DimKind kind, const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) {
    auto value = apply(kind, a.value(), b.value());
    return value ? std::optional(Dim(*value)) : std::nullopt;
  }
  if (a.is_constant() && commutes(kind)) return Dim::make(kind, b, a);
  if (b.is_constant()) return fold_with_constant(kind, a, b.value());
  if ((kind == DimKind::div || kind == DimKind::mod) && is_value(a, 0)) return Dim(0);
  if (kind == DimKind::add && ends_in_constant(a, DimKind::add)) return (a.left() + b) + a.right();
  if (kind == DimKind::add && ends_in_constant(b, DimKind::add)) return (a + b.left()) + b.right();
  if (kind == DimKind::sub && ends_in_constant(a, DimKind::add)) return (a.left() - b) + a.right();
  if (a == b && kind == DimKind::sub) return Dim(0);
  if (a == b && (kind == DimKind::min || kind == DimKind::max)) return a;
  return std::nullopt;
}

}  // namespace

Dim Dim::make(DimKind kind, const Dim& a, const Dim& b) {
  CHECK(kind != DimKind::constant && kind != DimKind::size, "make() joins two dims");
  if (auto folded = fold(kind, a, b)) return *folded;
  return Dim(std::make_shared<Node>(Node{kind, 0, {}, a.node_, b.node_}));
}

Dim operator+(const Dim& a, const Dim& b) { return Dim::make(DimKind::add, a, b); }
Dim operator-(const Dim& a, const Dim& b) { return Dim::make(DimKind::sub, a, b); }
Dim operator*(const Dim& a, const Dim& b) { return Dim::make(DimKind::mul, a, b); }
Dim operator/(const Dim& a, const Dim& b) { return Dim::make(DimKind::div, a, b); }
Dim operator%(const Dim& a, const Dim& b) { return Dim::make(DimKind::mod, a, b); }
Dim ceil_div(const Dim& a, const Dim& b) { return (a + (b - 1)) / b; }
Dim min(const Dim& a, const Dim& b) { return Dim::make(DimKind::min, a, b); }
Dim max(const Dim& a, const Dim& b) { return Dim::make(DimKind::max, a, b); }

std::optional<int64_t> Dim::evaluate(const std::map<std::string, int64_t>& sizes) const {
  if (is_constant()) return node_->value;
  if (kind() == DimKind::size) {
    auto found = sizes.find(node_->name);
    return found == sizes.end() ? std::nullopt : std::optional(found->second);
  }
  auto a = left().evaluate(sizes);
  auto b = right().evaluate(sizes);
  return a && b ? apply(kind(), *a, *b) : std::nullopt;
}

namespace {

struct Range {
  int64_t low = 0, high = 0;
};

int64_t saturated(DimKind kind, int64_t a, int64_t b) {
  auto value = apply(kind, a, b);
  if (value) return *value;
  bool negative = kind == DimKind::mul ? (a < 0) != (b < 0) : kind == DimKind::sub ? b > 0 : a < 0;
  return negative ? INT64_MIN : INT64_MAX;
}

// The corners of a monotone operation.
Range corners(DimKind kind, Range a, Range b) {
  int64_t values[] = {saturated(kind, a.low, b.low), saturated(kind, a.low, b.high), saturated(kind, a.high, b.low),
                      saturated(kind, a.high, b.high)};
  return {*std::min_element(values, values + 4), *std::max_element(values, values + 4)};
}

Range range_of(const Dim& d, const std::vector<SizeDecl>& sizes) {
  if (d.is_constant()) return {d.value(), d.value()};
  if (d.kind() == DimKind::size) {
    for (const auto& size : sizes) {
      if (size.name == d.name()) return {size.at_least, size.at_most};
    }
    CHECK(false, "size '{}' is not declared", d.name());
  }
  Range a = range_of(d.left(), sizes), b = range_of(d.right(), sizes);
  switch (d.kind()) {
    case DimKind::sub:
      return {saturated(DimKind::sub, a.low, b.high), saturated(DimKind::sub, a.high, b.low)};
    case DimKind::div:
      // A divisor is at least 1 wherever the division has a use.
      return corners(DimKind::div, a, {std::max<int64_t>(b.low, 1), std::max<int64_t>(b.high, 1)});
    case DimKind::mod:
      return {0, std::max<int64_t>(a.low >= 0 ? std::min(a.high, b.high - 1) : b.high - 1, 0)};
    default:
      return corners(d.kind(), a, b);
  }
}

}  // namespace

int64_t Dim::upper_bound(const std::vector<SizeDecl>& sizes) const { return range_of(*this, sizes).high; }

namespace {

int precedence(DimKind kind) {
  switch (kind) {
    case DimKind::add:
    case DimKind::sub:
      return 1;
    case DimKind::mul:
    case DimKind::div:
    case DimKind::mod:
      return 2;
    default:
      return 3;
  }
}

const char* symbol(DimKind kind) {
  switch (kind) {
    case DimKind::add:
      return " + ";
    case DimKind::sub:
      return " - ";
    case DimKind::mul:
      return " * ";
    case DimKind::div:
      return " / ";
    case DimKind::mod:
      return " % ";
    case DimKind::min:
      return "min";
    default:
      return "max";
  }
}

std::string text_of(const Dim& d, int at_least) {
  if (d.is_constant()) return std::to_string(d.value());
  if (d.kind() == DimKind::size) return d.name();
  if (d.kind() == DimKind::min || d.kind() == DimKind::max) {
    return fmt::format("{}({}, {})", symbol(d.kind()), text_of(d.left(), 0), text_of(d.right(), 0));
  }
  int mine = precedence(d.kind());
  std::string out;
  if (ends_in_constant(d, DimKind::add) && d.right().value() < 0 && d.right().value() != INT64_MIN) {
    out = fmt::format("{} - {}", text_of(d.left(), mine), -d.right().value());  // x + -3 reads x - 3
  } else {
    out = text_of(d.left(), mine) + symbol(d.kind()) + text_of(d.right(), mine + 1);
  }
  return mine < at_least ? "(" + out + ")" : out;
}

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Precedence climbing over the text of a dim.
class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}

  Result<Dim> parse() {
    TRY(Dim whole, parse_sum(0));
    skip_space();
    if (at_ != text_.size()) return fail("an operator or the end");
    return whole;
  }

 private:
  static constexpr int kMaxNesting = 100;
  static constexpr int kMaxOperators = 1000;

  Error fail(const char* wanted) const {
    return error("dim '{}': column {}: got {}, want {}", text_.substr(0, 80), at_ + 1,
                 at_ < text_.size() ? fmt::format("'{}'", text_[at_]) : std::string("the end"), wanted);
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) at_++;
  }

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }

  Result<Dim> parse_sum(int nesting) {
    TRY(Dim sum, parse_product(nesting));
    for (;;) {
      DimKind kind = DimKind::add;
      if (take('-')) {
        kind = DimKind::sub;
      } else if (!take('+')) {
        return sum;
      }
      if (++operators_ > kMaxOperators) return fail("fewer operators (a dim has at most 1000)");
      TRY(Dim next, parse_product(nesting));
      sum = Dim::make(kind, sum, next);
    }
  }

  Result<Dim> parse_product(int nesting) {
    TRY(Dim product, parse_atom(nesting));
    for (;;) {
      DimKind kind = DimKind::mul;
      if (take('/')) {
        kind = DimKind::div;
      } else if (take('%')) {
        kind = DimKind::mod;
      } else if (!take('*')) {
        return product;
      }
      if (++operators_ > kMaxOperators) return fail("fewer operators (a dim has at most 1000)");
      TRY(Dim next, parse_atom(nesting));
      product = Dim::make(kind, product, next);
    }
  }

  Result<Dim> parse_atom(int nesting) {
    if (nesting > kMaxNesting) return fail("at most 100 levels of nesting");
    if (take('(')) {
      TRY(Dim inner, parse_sum(nesting + 1));
      if (!take(')')) return fail("')'");
      return inner;
    }
    skip_space();
    if (at_ < text_.size() && is_name_start(text_[at_])) return parse_name(nesting);
    return parse_number();
  }

  Result<Dim> parse_number() {
    int64_t value = 0;
    auto [end, status] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (status == std::errc::result_out_of_range) return fail("a number of 64 bits");
    if (status != std::errc()) return fail("a number, a size, '(', min or max");
    at_ = end - text_.data();
    return Dim(value);
  }

  Result<Dim> parse_name(int nesting) {
    size_t start = at_;
    while (at_ < text_.size() && (is_name_start(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.')) at_++;
    std::string_view name = text_.substr(start, at_ - start);
    if ((name != "min" && name != "max") || !take('(')) return Dim::size(std::string(name));
    if (++operators_ > kMaxOperators) return fail("fewer operators (a dim has at most 1000)");
    TRY(Dim a, parse_sum(nesting + 1));
    if (!take(',')) return fail("','");
    TRY(Dim b, parse_sum(nesting + 1));
    if (!take(')')) return fail("')'");
    return Dim::make(name == "min" ? DimKind::min : DimKind::max, a, b);
  }

  std::string_view text_;
  size_t at_ = 0;
  int operators_ = 0;
};

}  // namespace

std::string Dim::text() const { return text_of(*this, 0); }

Result<Dim> parse_dim(std::string_view text) { return DimParser(text).parse(); }

}  // namespace hearth
