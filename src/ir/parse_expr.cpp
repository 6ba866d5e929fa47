// Parsing expressions: precedence climbing over tokens; what is badly typed is an error here, before any builder sees
// it.
#include "ir/parse_expr.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "ir/lanes.h"
#include "ir/syntax.h"

namespace hearth {

using namespace syntax;

bool ExprParser::accept(std::string_view word) {
  if (!peek().is(word)) return false;
  take();
  return true;
}

Error ExprParser::fail(std::string_view wanted) const {
  const Token& token = peek();
  std::string got = token.kind == TokenKind::end ? "the end" : fmt::format("'{}'", token.text.substr(0, 60));
  return fail_at(token.offset, fmt::format("got {}, want {}", got, wanted));
}

Result<Done> ExprParser::want(std::string_view word) {
  if (accept(word)) return Done{};
  return fail(fmt::format("'{}'", word));
}

Result<std::string> ExprParser::want_name(std::string_view what) {
  bool plain = peek().kind == TokenKind::name && is_plain_name(peek().text);
  if (!plain && peek().kind != TokenKind::quoted) return fail(what);
  return take().text;
}

Result<int64_t> ExprParser::want_integer(std::string_view what) {
  bool negative = peek().is("-");
  const Token& token = peek(negative ? 1 : 0);
  if (token.kind != TokenKind::number) return fail(what);
  std::string text = (negative ? "-" : "") + token.text;
  int64_t value = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return fail(what);
  if (negative) take();
  take();
  return value;
}

Result<Type> ExprParser::want_type() {
  auto type = peek().kind == TokenKind::name ? type_from(peek().text) : std::nullopt;
  if (!type) return fail("a type, such as f32 or i32x16");
  take();
  return *type;
}

Result<Dim> ExprParser::want_dim(std::string_view until) {
  size_t start = peek().offset;
  while (!peek().is(until)) {
    if (peek().kind == TokenKind::end) return fail(fmt::format("'{}'", until));
    take();
  }
  auto dim = parse_dim(source_.substr(start, peek().offset - start));
  if (!dim.ok()) return fail_at(start, dim.message());
  return *dim;
}

Result<Buffer> ExprParser::parse_buffer() {
  size_t offset = peek().offset;
  TRY(std::string name, want_name("the name of a buffer"));
  for (auto it = buffers.rbegin(); it != buffers.rend(); ++it) {
    if (it->first == name) return it->second;
  }
  return fail_at(offset, fmt::format("there is no buffer '{}' here", name));
}

Result<Expr> ExprParser::parse() {
  TRY(Tree tree, parse_infix(0, 0));
  return tree.expr;
}

Result<std::vector<Expr>> ExprParser::parse_index() {
  TRY(std::vector<Tree> trees, parse_index(0));
  std::vector<Expr> out;
  for (Tree& tree : trees) out.push_back(std::move(tree.expr));
  return out;
}

Result<ExprParser::Tree> ExprParser::finish(ExprNode node, int depth, size_t offset) {
  if (depth > kMaxDepth) return fail_at(offset, fmt::format("an expression deeper than {}", kMaxDepth));
  auto type = type_of(node);
  if (!type.ok()) return fail_at(offset, type.message());
  node.type = *type;
  std::vector<Expr> args = node.args;
  return Tree{rebuild(node, std::move(args)), depth};
}

Result<ExprParser::Tree> ExprParser::parse_infix(int precedence, int nesting) {
  if (nesting > kMaxNesting) return fail(fmt::format("at most {} levels of nesting", kMaxNesting));
  TRY(Tree left, parse_prefix(nesting));
  for (;;) {
    const InfixRow* found = nullptr;
    for (const InfixRow& row : kInfix) {
      if (row.precedence >= std::max(precedence, 1) && peek().kind == TokenKind::symbol && peek().text == row.symbol)
        found = &row;
    }
    if (!found) return left;
    size_t offset = take().offset;
    TRY(Tree right, parse_infix(found->precedence + 1, nesting + 1));
    ExprNode node;
    node.kind = ExprKind::binary;
    agree(&left.expr, &right.expr);
    node.binary = infix_op(found->op, left.expr->type.dtype);
    node.args = {left.expr, right.expr};
    TRY(left, finish(std::move(node), std::max(left.depth, right.depth) + 1, offset));
  }
}

Result<ExprParser::Tree> ExprParser::parse_prefix(int nesting) {
  if (nesting > kMaxNesting) return fail(fmt::format("at most {} levels of nesting", kMaxNesting));
  if (!peek().is("-") && !peek().is("!")) return parse_atom(nesting);
  Token sign = take();
  TRY(Tree inner, parse_prefix(nesting + 1));
  ExprNode node;
  node.kind = ExprKind::unary;
  node.unary = sign.text == "-" ? UnaryOp::neg : UnaryOp::logical_not;
  node.args = {inner.expr};
  return finish(std::move(node), inner.depth + 1, sign.offset);
}

Result<ExprParser::Tree> ExprParser::parse_atom(int nesting) {
  if (accept("(")) {
    TRY(Tree inner, parse_infix(0, nesting + 1));
    TRY_DONE(want(")"));
    return inner;
  }
  if (peek().kind == TokenKind::number) return parse_number();
  if (peek().kind == TokenKind::name || peek().kind == TokenKind::quoted) return parse_name(nesting);
  return fail("an expression");
}

// 3 (i64), 7i32, 1.5f32, 2e-3f32x8, 1boolx4.
Result<ExprParser::Tree> ExprParser::parse_number() {
  Token token = take();
  size_t digits = token.text.find_first_not_of("0123456789.+-eE");
  std::string_view number = std::string_view(token.text).substr(0, digits);
  std::string_view suffix = digits == std::string::npos ? "" : std::string_view(token.text).substr(digits);
  auto type = suffix.empty() ? std::optional(kIndex) : type_from(suffix);
  if (!type) return fail_at(token.offset, fmt::format("'{}' is no type, want one such as f32 or i32x16", suffix));
  if (!is_float(type->dtype)) return parse_integer(token, number, *type);
  double value = 0;
  float narrow = 0;
  const char* end = number.data() + number.size();
  // Decimal to float32 in one rounding, not by way of float64.
  auto result = type->dtype == DType::f64 ? std::from_chars(number.data(), end, value)
                                          : std::from_chars(number.data(), end, narrow);
  if (result.ec != std::errc() || result.ptr != end)
    return fail_at(token.offset, fmt::format("'{}' is no number of its type", token.text));
  return Tree{constant(*type, type->dtype == DType::f64 ? value : narrow)};
}

Result<ExprParser::Tree> ExprParser::parse_integer(const Token& token, std::string_view digits, Type type) {
  uint64_t value = 0;
  auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  int bits = type.dtype == DType::boolean ? 1 : bytes_of(type.dtype) * 8;
  bool fits = bits == 64 || value >> bits == 0;
  if (status != std::errc() || end != digits.data() + digits.size() || !fits) {
    return fail_at(token.offset,
                   fmt::format("'{}' is no integer of {} bits (floats carry their type: 1.5f32)", token.text, bits));
  }
  return Tree{constant_int(type, static_cast<int64_t>(value))};
}

// bits(f32, 0x7f800000): what has no decimal form.
Result<ExprParser::Tree> ExprParser::parse_bits() {
  TRY_DONE(want("("));
  size_t offset = peek().offset;
  TRY(Type type, want_type());
  TRY_DONE(want(","));
  Token token = take();
  bool hex = token.kind == TokenKind::number && token.text.starts_with("0x");
  uint64_t bits = 0;
  const char* last = token.text.data() + token.text.size();
  auto result = std::from_chars(token.text.data() + (hex ? 2 : 0), last, bits, 16);
  if (!hex || result.ec != std::errc() || result.ptr != last)
    return fail_at(token.offset, "want bits such as 0x7f800000");
  if (!is_float(type.dtype)) return fail_at(offset, "bits(...) are for floats");
  TRY_DONE(want(")"));
  int64_t unused = 0;
  double value = 0;
  char bytes[8];
  std::memcpy(bytes, &bits, 8);
  read_element(type.dtype, bytes, &unused, &value);
  return Tree{constant(type, value)};
}

Result<ExprParser::Tree> ExprParser::parse_name(int nesting) {
  if (peek(1).is("[") || peek(1).is(":")) return parse_load(nesting);
  Token word = peek();
  if (word.kind == TokenKind::name && is_reserved(word.text)) {
    take();
    if (word.text == "true" || word.text == "false")
      return Tree{constant_int({DType::boolean, 1}, word.text == "true")};
    if (word.text == "bits") return parse_bits();
    if (word.text != "size") return parse_call(word, nesting);
    TRY(std::string name, want_name("the name of a size"));
    return Tree{size_expr(std::move(name))};
  }
  TRY(std::string name, want_name("an expression"));
  for (auto it = vars.rbegin(); it != vars.rend(); ++it) {
    if (it->first == name) return Tree{var(name, it->second)};
  }
  return fail_at(word.offset, fmt::format("there is no variable '{}' here (sizes are written: size {})", name, name));
}

Result<std::vector<ExprParser::Tree>> ExprParser::parse_index(int nesting) {
  std::vector<Tree> out;
  TRY_DONE(want("["));
  TRY(Tree index, parse_infix(0, nesting + 1));
  out.push_back(std::move(index));
  if (accept("where")) {
    TRY(Tree mask, parse_infix(0, nesting + 1));
    out.push_back(std::move(mask));
  }
  TRY_DONE(want("]"));
  return out;
}

// x[i], x:f16x8[i], x[i where mask]
Result<ExprParser::Tree> ExprParser::parse_load(int nesting) {
  size_t offset = peek().offset;
  ExprNode node;
  node.kind = ExprKind::load;
  TRY(node.buffer, parse_buffer());
  bool typed = accept(":");
  if (typed) {
    TRY(node.type, want_type());
  }
  TRY(std::vector<Tree> parts, parse_index(nesting));
  if (!typed) node.type = {node.buffer->dtype, parts[0].expr->type.lanes};
  int depth = 0;
  for (Tree& part : parts) {
    depth = std::max(depth, part.depth);
    node.args.push_back(std::move(part.expr));
  }
  return finish(std::move(node), depth + 1, offset);
}

Result<ExprParser::Tree> ExprParser::parse_call(const Token& word, int nesting) {
  ExprNode node;
  if (word.text == "min" || word.text == "max") {
    node.kind = ExprKind::binary;
    node.binary = word.text == "min" ? BinaryOp::min : BinaryOp::max;
    return parse_call_args(std::move(node), 2, nesting, word.offset);
  }
  static constexpr std::pair<std::string_view, BinaryOp> kReductions[] = {
      {"reduce_add", BinaryOp::add}, {"reduce_min", BinaryOp::min}, {"reduce_max", BinaryOp::max}};
  for (const auto& [name, op] : kReductions) {
    if (name != word.text) continue;
    node.kind = ExprKind::reduce;
    node.binary = op;
    return parse_call_args(std::move(node), 1, nesting, word.offset);
  }
  for (const auto& row : kCalls) {
    if (row.name != word.text) continue;
    node.kind = ExprKind::unary;
    node.unary = row.op;
    return parse_call_args(std::move(node), 1, nesting, word.offset);
  }
  static constexpr struct {
    std::string_view name;
    ExprKind kind;
    size_t args;
  } kRest[] = {{"fma", ExprKind::fma, 3},
               {"select", ExprKind::select, 3},
               {"cast", ExprKind::cast, 1},
               {"ramp", ExprKind::ramp, 2},
               {"bitcast", ExprKind::bitcast, 1},
               {"dot4", ExprKind::dot4, 3},
               {"dot2", ExprKind::dot2, 3},
               {"broadcast", ExprKind::broadcast, 1},
               {"interleave", ExprKind::interleave, 1}};
  for (const auto& row : kRest) {
    if (row.name != word.text) continue;
    node.kind = row.kind;
    return parse_call_args(std::move(node), row.args, nesting, word.offset);
  }
  return fail_at(word.offset, fmt::format("got '{}', want an expression", word.text));
}

Result<ExprParser::Tree> ExprParser::parse_call_args(ExprNode node, size_t args, int nesting, size_t offset) {
  TRY_DONE(want("("));
  if (node.kind == ExprKind::cast || node.kind == ExprKind::bitcast) {
    TRY(node.type, want_type());
    TRY_DONE(want(","));
  }
  int depth = 0;
  for (size_t i = 0; i < args; i++) {
    if (i > 0) TRY_DONE(want(","));
    TRY(Tree arg, parse_infix(0, nesting + 1));
    depth = std::max(depth, arg.depth);
    node.args.push_back(std::move(arg.expr));
  }
  bool repeats = node.kind == ExprKind::broadcast || node.kind == ExprKind::interleave;
  if (repeats || node.kind == ExprKind::ramp) {
    TRY_DONE(want(","));
    size_t at = peek().offset;
    TRY(int64_t count, want_integer("a number of lanes"));
    int64_t lanes = count < 1 || count > kMaxLanes ? 0 : count * (repeats ? node.args[0]->type.lanes : 1);
    if (lanes < 1 || lanes > kMaxLanes)
      return fail_at(at, fmt::format("got {}, want 1 to {} lanes in all", count, kMaxLanes));
    node.type.lanes = static_cast<int>(lanes);
  }
  TRY_DONE(want(")"));
  return finish(std::move(node), depth + 1, offset);
}

}  // namespace hearth
