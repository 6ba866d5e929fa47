// Folding: x+0 -> x, (x+1)+2 -> x+3, (x*8+y)/8 -> x+y/8, x/8*8+x%8 -> x, known selects, constants of many lanes;
// integers, and exact floats.
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "ir/lanes.h"

namespace hearth {
namespace {

bool is_constant(const Expr& e) { return e->kind == ExprKind::constant; }
bool is_number(DType type) { return !is_float(type) && type != DType::boolean; }
bool is_index(const Type& type) { return type.dtype == DType::i64; }
bool ends_in_constant(const Expr& e, BinaryOp op) {
  return e->kind == ExprKind::binary && e->binary == op && is_constant(e->args[1]);
}
int64_t right_constant(const Expr& e) { return e->args[1]->integer; }

// Surely the same value: the same node, or the same name.
bool same(const Expr& a, const Expr& b) {
  if (a.id() == b.id()) return true;
  bool named = a->kind == ExprKind::var || a->kind == ExprKind::size;
  return named && a->kind == b->kind && a->name == b->name && a->type == b->type;
}

Expr constant_from(Type type, const void* element) {
  int64_t integer = 0;
  double real = 0;
  read_element(type.dtype, element, &integer, &real);
  // Which NaN an operation makes is the machine's choice: leave it to the machine.
  if (is_float(type.dtype)) return std::isnan(real) ? Expr() : constant(type, real);
  return constant_int(type, integer);
}

struct Element {
  alignas(8) char bytes[8] = {};
  Element() = default;
  explicit Element(const Expr& e) { write_element(e->type.dtype, e->integer, e->real, bytes); }
};

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

// Is `e` a multiple of c by its form: y*(kc), or a constant kc?
bool is_multiple(const Expr& e, int64_t c) {
  if (is_constant(e)) return e->integer % c == 0;
  if (e->kind == ExprKind::ramp) return is_multiple(e->args[0], c) && is_multiple(e->args[1], c);
  if (e->kind == ExprKind::broadcast || e->kind == ExprKind::interleave) return is_multiple(e->args[0], c);
  if (e->kind == ExprKind::binary && (e->binary == BinaryOp::add || e->binary == BinaryOp::sub)) {
    return is_multiple(e->args[0], c) && is_multiple(e->args[1], c);
  }
  return ends_in_constant(e, BinaryOp::mul) && right_constant(e) % c == 0;
}

// (y + x / c) * c + x % c -> y * c + x: what was cut in two comes together again.
Expr fold_cut(const Expr& a, const Expr& b) {
  if (!ends_in_constant(a, BinaryOp::mul) || !ends_in_constant(b, BinaryOp::mod)) return {};
  const Expr &whole = a->args[0], &x = b->args[0], &c = b->args[1];
  if (!is_index(a->type) || right_constant(a) != c->integer || c->integer <= 0) return {};
  const auto is_part = [&](const Expr& e) {
    return ends_in_constant(e, BinaryOp::div) && right_constant(e) == c->integer && same(e->args[0], x);
  };
  if (is_part(whole)) return x;
  if (whole->kind != ExprKind::binary || whole->binary != BinaryOp::add) return {};
  for (const size_t i : {0, 1})
    if (is_part(whole->args[1 - i])) return whole->args[i] * c + x;
  return {};
}

Expr fold_add(const Expr& a, const Expr& b) {
  if (Expr cut = fold_cut(a, b)) return cut;
  if (is_constant(b)) {
    if (b->integer == 0) return a;
    if (ends_in_constant(a, BinaryOp::add)) return a->args[0] + (a->args[1] + b);
    if (a->kind == ExprKind::ramp && is_index(a->type)) {
      return ramp(a->args[0] + constant_int(kIndex, b->integer), a->args[1], a->type.lanes);
    }
    return {};
  }
  if (ends_in_constant(a, BinaryOp::add)) return (a->args[0] + b) + a->args[1];
  if (ends_in_constant(b, BinaryOp::add)) return (a + b->args[0]) + b->args[1];
  auto scalar_broadcast = [](const Expr& e) { return e->kind == ExprKind::broadcast && e->args[0]->type.lanes == 1; };
  if (a->kind == ExprKind::ramp && scalar_broadcast(b)) return ramp(a->args[0] + b->args[0], a->args[1], a->type.lanes);
  if (b->kind == ExprKind::ramp && scalar_broadcast(a)) return ramp(a->args[0] + b->args[0], b->args[1], b->type.lanes);
  return {};
}

Expr fold_sub(const Expr& a, const Expr& b) {
  if (is_constant(b)) return a + unary(UnaryOp::neg, b);
  if (same(a, b)) return constant_int(a->type, 0);
  if (ends_in_constant(a, BinaryOp::add)) return (a->args[0] - b) + a->args[1];
  if (ends_in_constant(b, BinaryOp::add)) return (a - b->args[0]) - b->args[1];
  return {};
}

Expr fold_mul(const Expr& a, const Expr& b) {
  if (!is_constant(b)) return {};
  if (b->integer == 0) return b;
  if (b->integer == 1) return a;
  if (ends_in_constant(a, BinaryOp::mul)) return a->args[0] * (a->args[1] * b);
  if (ends_in_constant(a, BinaryOp::add)) return a->args[0] * b + a->args[1] * b;  // moves the constant outward
  if (a->kind == ExprKind::ramp && is_index(a->type)) {
    Expr c = constant_int(kIndex, b->integer);
    return ramp(a->args[0] * c, a->args[1] * c, a->type.lanes);
  }
  return {};
}

// Only for i64: indices never come near overflow, other integers wrap.
Expr fold_div(const Expr& a, const Expr& b) {
  if (is_constant(a) && a->integer == 0) return a;
  if (!is_constant(b)) return {};
  if (b->integer == 1) return a;
  int64_t c = b->integer;
  if (!is_index(a->type) || c <= 0) return {};
  int64_t bound = int64_t{1} << 31;
  if (a->kind == ExprKind::ramp && is_multiple(a, c)) {
    Expr scalar = constant_int(kIndex, c);
    return ramp(a->args[0] / scalar, a->args[1] / scalar, a->type.lanes);
  }
  if (ends_in_constant(a, BinaryOp::mul)) {
    int64_t m = right_constant(a);
    if (m % c == 0) return a->args[0] * constant_int(a->type, m / c);
    if (m > 0 && c % m == 0) return a->args[0] / constant_int(a->type, c / m);
  }
  if (ends_in_constant(a, BinaryOp::div) && right_constant(a) > 0 && right_constant(a) < bound && c < bound) {
    return a->args[0] / constant_int(a->type, right_constant(a) * c);
  }
  if (ends_in_constant(a, BinaryOp::mod) && right_constant(a) > 0 && right_constant(a) <= c)
    return constant_int(a->type, 0);
  if (a->kind == ExprKind::binary && a->binary == BinaryOp::add) {
    const Expr &u = a->args[0], &v = a->args[1];
    if (is_multiple(u, c) || is_multiple(v, c)) return u / b + v / b;
    if (ends_in_constant(a, BinaryOp::add) && (right_constant(a) >= c || right_constant(a) < 0)) {
      int64_t whole = floor_div(right_constant(a), c);
      Expr rest = u + constant_int(a->type, right_constant(a) - whole * c);
      return rest / b + constant_int(a->type, whole);
    }
  }
  return {};
}

Expr fold_mod(const Expr& a, const Expr& b) {
  if (is_constant(a) && a->integer == 0) return a;
  if (!is_constant(b)) return {};
  if (b->integer == 1) return constant_int(a->type, 0);
  int64_t c = b->integer;
  if (!is_index(a->type) || c <= 0) return {};
  if (is_multiple(a, c)) return constant_int(a->type, 0);
  if (ends_in_constant(a, BinaryOp::mod) && right_constant(a) > 0) {
    if (right_constant(a) % c == 0) return a->args[0] % b;
    if (right_constant(a) <= c) return a;
  }
  if (a->kind == ExprKind::binary && a->binary == BinaryOp::add) {
    const Expr &u = a->args[0], &v = a->args[1];
    if (is_multiple(u, c)) return v % b;
    if (is_multiple(v, c)) return u % b;
    if (is_constant(v) && (v->integer >= c || v->integer < 0)) {
      return (u + constant_int(a->type, v->integer - floor_div(v->integer, c) * c)) % b;
    }
  }
  return {};
}

Expr fold_bits(BinaryOp op, const Expr& a, const Expr& b) {
  if (op == BinaryOp::bit_and || op == BinaryOp::bit_or) {
    if (same(a, b)) return a;
  }
  if (op == BinaryOp::bit_xor && same(a, b)) return constant_int(a->type, 0);
  if (!is_constant(b)) return {};
  Expr all_ones = constant_int(b->type, -1);
  bool ones = b->integer == all_ones->integer;
  if (op == BinaryOp::bit_and && (b->integer == 0 || ones)) return ones ? a : b;
  if (op == BinaryOp::bit_or && (b->integer == 0 || ones)) return ones ? b : a;
  if (op == BinaryOp::bit_xor && b->integer == 0) return a;
  if (ends_in_constant(a, op)) return binary(op, a->args[0], binary(op, a->args[1], b));
  return {};
}

Expr fold_shift(BinaryOp op, const Expr& a, const Expr& b) {
  if (is_constant(a) && a->integer == 0) return a;
  if (!is_constant(b)) return {};
  if (b->integer == 0) return a;
  int64_t bits = bytes_of(a->type.dtype) * 8;
  if (!ends_in_constant(a, op) || b->integer < 0 || b->integer >= bits) return {};
  int64_t first = right_constant(a);
  if (first < 0 || first >= bits || first + b->integer >= bits) return {};
  return binary(op, a->args[0], constant_int(a->type, first + b->integer));
}

Expr fold_min_max(BinaryOp op, const Expr& a, const Expr& b) {
  if (same(a, b)) return a;
  if (is_constant(b) && ends_in_constant(a, op)) return binary(op, a->args[0], binary(op, a->args[1], b));
  return {};
}

bool commutes(BinaryOp op) {
  switch (op) {
    case BinaryOp::add:
    case BinaryOp::mul:
    case BinaryOp::min:
    case BinaryOp::max:
    case BinaryOp::bit_and:
    case BinaryOp::bit_or:
    case BinaryOp::bit_xor:
    case BinaryOp::eq:
    case BinaryOp::ne:
    case BinaryOp::logical_and:
    case BinaryOp::logical_or:
      return true;
    default:
      return false;
  }
}

Expr fold_integers(BinaryOp op, const Expr& a, const Expr& b) {
  switch (op) {
    case BinaryOp::add:
      return fold_add(a, b);
    case BinaryOp::sub:
      return fold_sub(a, b);
    case BinaryOp::mul:
      return fold_mul(a, b);
    case BinaryOp::div:
      return fold_div(a, b);
    case BinaryOp::mod:
      return fold_mod(a, b);
    case BinaryOp::min:
    case BinaryOp::max:
      return fold_min_max(op, a, b);
    case BinaryOp::shl:
    case BinaryOp::shr:
      return fold_shift(op, a, b);
    case BinaryOp::bit_and:
    case BinaryOp::bit_or:
    case BinaryOp::bit_xor:
      return fold_bits(op, a, b);
    case BinaryOp::eq:
    case BinaryOp::le:
      return same(a, b) ? constant_int({DType::boolean, a->type.lanes}, 1) : Expr();
    case BinaryOp::ne:
    case BinaryOp::lt:
      return same(a, b) ? constant_int({DType::boolean, a->type.lanes}, 0) : Expr();
    default:
      return {};
  }
}

// x*1 and x/1 keep every bit; x+0 does not (-0).
Expr fold_floats(BinaryOp op, const Expr& a, const Expr& b) {
  bool scales = op == BinaryOp::mul || op == BinaryOp::div;
  if (scales && is_constant(b) && b->real == 1) return a;
  if (op == BinaryOp::mul && is_constant(a) && a->real == 1) return b;
  return {};
}

Expr fold_booleans(BinaryOp op, const Expr& a, const Expr& b) {
  if (!is_constant(b)) return {};
  bool yes = b->integer != 0;
  if (op == BinaryOp::logical_and) return yes ? a : b;
  if (op == BinaryOp::logical_or) return yes ? b : a;
  if (op == BinaryOp::eq && yes) return a;
  if (op == BinaryOp::ne && !yes) return a;
  return {};
}

// broadcast(x) + broadcast(y) -> broadcast(x + y) for index arithmetic, where x, y are scalars or constants.
Expr fold_broadcasts(const ExprNode& node) {
  auto scalar = [](const Expr& e) -> Expr {
    if (is_constant(e)) return constant_int(kIndex, e->integer);
    return e->kind == ExprKind::broadcast && e->args[0]->type.lanes == 1 ? e->args[0] : Expr();
  };
  int lanes = node.type.lanes;
  if (lanes == 1 || !is_index(node.args[0]->type)) return {};
  Expr a = scalar(node.args[0]), b = scalar(node.args[1]);
  return a && b ? broadcast(binary(node.binary, a, b), lanes) : Expr();
}

Expr fold_binary(const ExprNode& node) {
  const Expr &a = node.args[0], &b = node.args[1];
  DType type = a->type.dtype;
  if (is_constant(a) && is_constant(b)) {
    Element x(a), y(b), out;
    return binary_fn(node.binary, type)(x.bytes, y.bytes, out.bytes, 1) ? constant_from(node.type, out.bytes) : Expr();
  }
  if (is_float(type)) return fold_floats(node.binary, a, b);
  if (Expr outside = fold_broadcasts(node)) return outside;
  if (is_constant(a) && commutes(node.binary)) return binary(node.binary, b, a);
  return is_number(type) ? fold_integers(node.binary, a, b) : fold_booleans(node.binary, a, b);
}

// Whatever IEEE rounds in one way everywhere; exp and its kin are left to the pass that expands them.
bool is_exact(UnaryOp op) {
  return op == UnaryOp::neg || op == UnaryOp::abs || op == UnaryOp::sqrt || op == UnaryOp::floor ||
         op == UnaryOp::round_even || op == UnaryOp::logical_not;
}

Expr fold_unary(const ExprNode& node) {
  const Expr& a = node.args[0];
  bool undoes_itself = node.unary == UnaryOp::neg || node.unary == UnaryOp::logical_not;
  if (undoes_itself && a->kind == ExprKind::unary && a->unary == node.unary) return a->args[0];
  if (!is_constant(a) || !is_exact(node.unary)) return {};
  Element x(a), out;
  unary_fn(node.unary, a->type.dtype)(x.bytes, out.bytes, 1);
  return constant_from(node.type, out.bytes);
}

Expr fold_cast(const ExprNode& node) {
  const Expr& a = node.args[0];
  if (a->type == node.type) return a;
  if (!is_constant(a)) return {};
  Element x(a), out;
  cast_fn(a->type.dtype, node.type.dtype)(x.bytes, out.bytes, 1);
  return constant_from(node.type, out.bytes);
}

Expr fold_bitcast(const ExprNode& node) {
  const Expr& a = node.args[0];
  if (a->type == node.type) return a;
  if (a->kind == ExprKind::bitcast) return bitcast(node.type, a->args[0]);
  if (!is_constant(a) || a->type.lanes != node.type.lanes) return {};
  return constant_from(node.type, Element(a).bytes);
}

Expr fold_fma(const ExprNode& node) {
  for (const Expr& arg : node.args) {
    if (!is_constant(arg)) return {};
  }
  Element a(node.args[0]), b(node.args[1]), c(node.args[2]), out;
  fma_fn(node.type.dtype)(a.bytes, b.bytes, c.bytes, out.bytes, 1);
  return constant_from(node.type, out.bytes);
}

Expr fold_select(const ExprNode& node) {
  const Expr& condition = node.args[0];
  if (same(node.args[1], node.args[2])) return node.args[1];
  if (is_constant(condition)) return node.args[condition->integer != 0 ? 1 : 2];
  return {};
}

Expr with_lanes(const ExprNode& constant_node, int lanes) {
  Type type = constant_node.type.with_lanes(lanes);
  return is_float(type.dtype) ? constant(type, constant_node.real) : constant_int(type, constant_node.integer);
}

Expr fold_repeat(const ExprNode& node) {
  const Expr& a = node.args[0];
  if (a->type.lanes == node.type.lanes) return a;
  if (is_constant(a)) return std::isnan(a->real) ? Expr() : with_lanes(*a, node.type.lanes);
  int factor = node.type.lanes / a->type.lanes;
  if (a->type.lanes == 1) return node.kind == ExprKind::interleave ? broadcast(a, factor) : Expr();
  if (a->kind == ExprKind::broadcast && a->args[0]->type.lanes == 1) return broadcast(a->args[0], node.type.lanes);
  if (a->kind == node.kind) {
    int whole = node.type.lanes / a->args[0]->type.lanes;
    return node.kind == ExprKind::broadcast ? broadcast(a->args[0], whole) : interleave(a->args[0], whole);
  }
  return {};
}

Expr fold_ramp(const ExprNode& node) {
  if (node.type.lanes == 1) return node.args[0];
  bool level = is_constant(node.args[1]) && node.args[1]->integer == 0;
  return level ? broadcast(node.args[0], node.type.lanes) : Expr();
}

Expr fold_reduce(const ExprNode& node) {
  const Expr& a = node.args[0];
  if (a->type.lanes == 1) return a;
  if (!is_constant(a) || !is_number(a->type.dtype)) return {};
  if (node.binary == BinaryOp::add) return constant_int(node.type, a->integer) * constant_int(node.type, a->type.lanes);
  return with_lanes(*a, 1);
}

Expr fold_dot4(const ExprNode& node) {
  auto is_zero = [](const Expr& e) { return is_constant(e) && e->integer == 0; };
  return is_zero(node.args[1]) || is_zero(node.args[2]) ? node.args[0] : Expr();
}

}  // namespace

Expr fold(const ExprNode& node) {
  switch (node.kind) {
    case ExprKind::unary:
      return fold_unary(node);
    case ExprKind::binary:
      return fold_binary(node);
    case ExprKind::fma:
      return fold_fma(node);
    case ExprKind::select:
      return fold_select(node);
    case ExprKind::cast:
      return fold_cast(node);
    case ExprKind::bitcast:
      return fold_bitcast(node);
    case ExprKind::ramp:
      return fold_ramp(node);
    case ExprKind::broadcast:
    case ExprKind::interleave:
      return fold_repeat(node);
    case ExprKind::reduce:
      return fold_reduce(node);
    case ExprKind::dot4:
      return fold_dot4(node);
    case ExprKind::dot2:
    case ExprKind::constant:
    case ExprKind::var:
    case ExprKind::size:
    case ExprKind::load:
      return {};
  }
  return {};
}

}  // namespace hearth
