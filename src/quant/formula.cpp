// Small words for writing schemes.
#include "quant/formula.h"

#include <utility>

#include "base/check.h"

namespace hearth {

Expr f32(float value) { return constant({DType::f32, 1}, value); }

Expr to_f32(Expr a) { return cast(DType::f32, std::move(a)); }

Expr magnitude(Expr a) { return unary(UnaryOp::abs, std::move(a)); }

std::optional<int64_t> known(const Expr& a) {
  if (a->kind != ExprKind::constant || is_float(a->type.dtype)) return std::nullopt;
  return a->integer;
}

Expr spread(Expr a, int lanes) {
  const int have = a->type.lanes;
  CHECK(lanes % have == 0, "cannot spread {} lanes to {}", have, lanes);
  if (have == lanes) return a;
  return have == 1 ? broadcast(a, lanes) : interleave(a, lanes / have);
}

Expr nearest_int(Expr a) {
  const int lanes = a->type.lanes;
  const Expr shifted = a + f32(12582912.0f);             // 1.5 * 2^23: the integer sits in the low mantissa bits
  return (bitcast({DType::i32, lanes}, shifted) & 0x7fffff) - 0x400000;
}

Expr clamp(Expr a, int low, int high) {
  const Type type = a->type;
  return min(max(a, constant_int(type, low)), constant_int(type, high));
}

Expr shift_right(Expr bytes, Expr amount) {
  if (const auto bits = known(amount)) return *bits == 0 ? bytes : bytes >> Expr(*bits);
  return bytes >> broadcast(cast(bytes->type.dtype, amount), bytes->type.lanes);
}

Expr nibble(Expr bytes, Expr which) {
  if (known(which) == 1) return bytes >> 4;
  return shift_right(bytes, which * 4) & 15;
}

Expr Steps::let(const std::string& name, Expr value) {
  steps_.push_back({.name = name, .value = value});
  return var(name, value->type);
}

Buffer Steps::local(const std::string& name, DType dtype, int64_t elements) {
  Buffer made = local_buffer(name, dtype, elements);
  steps_.push_back({.buffer = made});
  return made;
}

Cell Steps::cell(const std::string& name, Type type) { return {local(name, type.dtype, type.lanes), type}; }

Cell Steps::cell(const std::string& name, Expr first) {
  Cell made = cell(name, first->type);
  add(made.set(first));
  return made;
}

void Steps::add(Stmt stmt) { steps_.push_back({.stmt = std::move(stmt)}); }

Stmt Steps::done() const {
  std::vector<Stmt> rest;                                // of the innermost scope, last statement first
  auto close = [&rest] { return block(std::vector<Stmt>(rest.rbegin(), rest.rend())); };
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->stmt) {
      rest.push_back(step->stmt);
      continue;
    }
    const Stmt inner = close();
    rest = {step->buffer ? alloc(step->buffer, inner) : hearth::let(step->name, step->value, inner)};
  }
  return close();
}

Expr largest(Steps& steps, const std::string& name, Buffer values, int count) {
  constexpr int kLanes = 16;
  CHECK(count % kLanes == 0, "{} values, want a multiple of {}", count, kLanes);
  auto size = [&](int at) {                              // max with 0 makes a NaN a 0
    return max(magnitude(load_as({DType::f32, kLanes}, values, at)), spread(f32(0), kLanes));
  };
  Expr most = size(0);
  for (int at = kLanes; at < count; at += kLanes) most = max(size(at), most);
  const Expr peak = steps.let(name + "_size", reduce(BinaryOp::max, most));
  most = spread(peak, kLanes);
  const Type index{DType::i32, kLanes};
  Expr where = constant_int(index, count - 1);
  for (int at = 0; at < count; at += kLanes)
    where = min(where, select(size(at) == most, cast(index, ramp(at, 1, kLanes)), constant_int(index, count - 1)));
  const Expr first = cast(DType::i64, reduce(BinaryOp::min, where));
  const Expr value = load(values, steps.let(name + "_at", first));
  return steps.let(name, select(peak == f32(0), f32(0), value));
}

}  // namespace hearth
