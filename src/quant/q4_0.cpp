// q4_0: blocks of 32 nibbles under one f16 scale: d * (q - 8).
#include "base/set.h"
#include "quant/formula.h"
#include "quant/scheme.h"

HEARTH_SET_MEMBER(scheme, q4_0)

namespace hearth {
namespace {

constexpr int kBlock = 32, kHalf = 16;
enum { kD, kQs };
constexpr int kQsAt = 2;                                 // bytes

Stmt encode(Buffer values, Buffer bytes) {
  Steps steps;
  // The value of the largest magnitude becomes exactly code 0, so the scale has the opposite sign.
  const Expr d = steps.let("d", largest(steps, "most", values, kBlock) / f32(-8));
  const Expr per_d = steps.let("per_d", select(d == f32(0), f32(0), f32(1) / d));
  steps.add(store(bytes, 0, cast(DType::f16, d)));
  auto codes = [&](int at) {
    const Expr scaled = load_as({DType::f32, kHalf}, values, at) * per_d + f32(8.5f);
    // Where d is so small that 1/d overflows, infinities and NaN become codes 0 here; such a block decodes to zeros.
    const Expr code = cast(DType::u8, nearest_int(unary(UnaryOp::floor, scaled)));
    return min(code, constant_int({DType::u8, kHalf}, 15));
  };
  steps.add(store(bytes, kQsAt, codes(0) | (codes(kHalf) << 4)));
  return steps.done();
}

}  // namespace

Scheme q4_0() {
  Scheme scheme;
  scheme.name = "q4_0";
  scheme.block = kBlock;
  scheme.fields = {{"d", DType::f16, 1}, {"qs", DType::u8, 16}};
  scheme.axes = {kBlock};
  scheme.code = [](const ReadField& read, const Axes& at, int lanes) {
    return nibble(read(kQs, at[0] % kHalf, lanes), at[0] / kHalf);
  };
  scheme.code_max = 15;
  scheme.zero = 8;
  scheme.scale = [](const ReadField& read, const Axes&) { return to_f32(read(kD, 0, 1)); };
  scheme.encode = encode;
  return scheme;
}

}  // namespace hearth
