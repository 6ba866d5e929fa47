// q8_0: blocks of 32 signed bytes under one f16 scale: d * q.
#include "base/set.h"
#include "quant/formula.h"
#include "quant/scheme.h"

HEARTH_SET_MEMBER(scheme, q8_0)

namespace hearth {
namespace {

constexpr int kBlock = 32, kLanes = 16;
enum { kD, kQs };
constexpr int kQsAt = 2;                                 // bytes

// Rounds half away from zero.
Expr round_away(Expr a) {
  const Expr whole = unary(UnaryOp::floor, magnitude(a));
  const Expr zero = spread(f32(0), kLanes), one = spread(f32(1), kLanes);
  const Expr rounded = whole + select(f32(0.5f) <= magnitude(a) - whole, one, zero);
  return select(a < f32(0), -rounded, rounded);
}

Stmt encode(Buffer values, Buffer bytes) {
  Steps steps;
  const Type lanes{DType::f32, kLanes};
  const Expr most = magnitude(largest(steps, "most", values, kBlock));
  const Expr d = steps.let("d", most / f32(127));
  const Expr per_d = steps.let("per_d", select(d == f32(0), f32(0), f32(1) / d));
  steps.add(store(bytes, 0, cast(DType::f16, d)));
  for (int at = 0; at < kBlock; at += kLanes) {
    const Expr scaled = load_as(lanes, values, at) * per_d;
    // Where d is so small that 1/d overflows, infinities and NaN become codes 0 here; such a block decodes to zeros.
    const Expr code = cast(DType::i8, nearest_int(round_away(scaled)));
    steps.add(store(bytes, kQsAt + at, bitcast({DType::u8, kLanes}, code)));
  }
  return steps.done();
}

}  // namespace

Scheme q8_0() {
  Scheme scheme;
  scheme.name = "q8_0";
  scheme.block = kBlock;
  scheme.fields = {{"d", DType::f16, 1}, {"qs", DType::i8, 32}};
  scheme.axes = {32};
  scheme.code = [](const ReadField& read, const Axes& at, int lanes) { return read(kQs, at[0], lanes); };
  scheme.code_min = -128;                                // encode stays within 127; files hold what they hold
  scheme.code_max = 127;
  scheme.scale = [](const ReadField& read, const Axes&) { return to_f32(read(kD, 0, 1)); };
  scheme.encode = encode;
  return scheme;
}

}  // namespace hearth
