// expand_math: exp(x), log(x), sin(x), cos(x), tanh(x), erf(x) -> arithmetic, so that every target computes the same bits.
//
// Polynomials after Cephes (S. Moshier) for float32. Errors, measured by tests/passes: exp 1.3 ulp, log 0.9 ulp, absolute: sin
// and cos 1e-7 for |x| <= 1000 and 1.2e-7 for |x| <= 1e5, tanh 2e-7, erf 4e-7.
#include <cmath>
#include <limits>

#include "base/check.h"
#include "ir/rewrite.h"
#include "passes/pass.h"

namespace hearth {
namespace {

// Constants and integers of the same lanes as an f32 expression.
struct Lanes {
  Type f32, i32;
  explicit Lanes(const Expr& x) : f32(x->type), i32{DType::i32, x->type.lanes} {
    CHECK(x->type.dtype == DType::f32, "a transcendental function of {}", name_of(x->type.dtype));
  }
  Expr f(double value) const { return constant(f32, value); }
  Expr i(int64_t value) const { return constant_int(i32, value); }
};

// c[0] x^n + ... + c[n], by Horner's rule.
Expr polynomial(const Lanes& l, const Expr& x, std::initializer_list<double> coefficients) {
  Expr sum;
  for (double c : coefficients) sum = sum ? fma(sum, x, l.f(c)) : l.f(c);
  return sum;
}

// A whole number below 2^22 as an integer: 1.5 * 2^23 more, it lies in the last bits. (A cast minds numbers that fit no integer,
// which takes many instructions a lane.)
constexpr int64_t kBitsOfShift = 0x4b400000;
Expr shifted_bits(const Lanes& l, const Expr& n) { return bitcast(l.i32, n + l.f(12582912)); }
Expr whole(const Lanes& l, const Expr& n) { return shifted_bits(l, n) - l.i(kBitsOfShift); }

// 2^n for whole numbers -126 .. 127: the exponent's bits; the shift's own bits fall off at the left.
Expr power_of_two(const Lanes& l, const Expr& n) { return bitcast(l.f32, (shifted_bits(l, n) << l.i(23)) + l.i(127 << 23)); }

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2. Below -87.3: 0; above 88: exp(88).
Expr expand_exp(const Expr& argument) {
  const Lanes l(argument);
  const Expr x = min(max(argument, l.f(-87.33654)), l.f(88.0));
  const Expr n = unary(UnaryOp::round_even, x * l.f(1.44269504088896341));
  Expr r = fma(n, l.f(-0.693359375), x);
  r = fma(n, l.f(2.12194440e-4), r);
  Expr y = polynomial(l, r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
  y = fma(y, r * r, r + l.f(1));
  y = y * power_of_two(l, n);
  return select(argument < l.f(-87.33654), l.f(0), y);
}

// log(x) = e ln 2 + log(m), m in [sqrt(1/2), sqrt 2). Zero and below: -inf and NaN are not kept apart; both give -inf.
Expr expand_log(const Expr& x) {
  const Lanes l(x);
  const Expr bits = bitcast(l.i32, max(x, l.f(1.17549435e-38)));
  Expr e = (bits >> l.i(23)) - l.i(126);
  Expr m = bitcast(l.f32, (bits & l.i(0x007fffff)) | l.i(0x3f000000));
  const Expr low = m < l.f(0.707106781186547524);
  e = select(low, e - l.i(1), e);
  m = select(low, m + m, m) - l.f(1);
  const Expr z = m * m, k = cast(l.f32, e);
  Expr y = polynomial(l, m, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
                             2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  y = fma(k, l.f(-2.12194440e-4), y * m * z);
  y = fma(z, l.f(-0.5), y);
  y = fma(k, l.f(0.693359375), m + y);
  return select(l.f(0) < x, y, l.f(-std::numeric_limits<float>::infinity()));
}

// sin or cos by quarters: x = n pi/2 + r, |r| <= pi/4; pi/2 in four parts keeps r exact far out.
Expr expand_wave(const Expr& x, int quarter) {
  const Lanes l(x);
  const Expr n = unary(UnaryOp::round_even, x * l.f(0.63661977236758134));
  Expr r = fma(n, l.f(-1.5703125), x);
  r = fma(n, l.f(-4.83751296997070312e-4), r);
  r = fma(n, l.f(-7.54953362047672271e-8), r);
  r = fma(n, l.f(-2.56334406825708960e-12), r);
  const Expr z = r * r;
  const Expr sine = fma(polynomial(l, z, {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1}), z * r, r);
  const Expr cosine = fma(polynomial(l, z, {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2}), z * z,
                          fma(z, l.f(-0.5), l.f(1)));
  const Expr q = whole(l, n) + l.i(quarter);
  const Expr value = select((q & l.i(1)) == l.i(1), cosine, sine);
  return select((q & l.i(2)) == l.i(2), -value, value);
}

// tanh(x) = 1 - 2 / (exp(2x) + 1), and x - x^3/3 + 2x^5/15 near zero where that would cancel.
Expr expand_tanh(const Expr& x) {
  const Lanes l(x);
  const Expr far = l.f(1) - l.f(2) / (expand_exp(x + x) + l.f(1));
  const Expr z = x * x;
  const Expr near = fma(polynomial(l, z, {-17.0 / 315, 2.0 / 15, -1.0 / 3}), z * x, x);
  return select(unary(UnaryOp::abs, x) < l.f(0.1), near, far);
}

// Abramowitz and Stegun 7.1.26 away from zero, the Taylor series near it.
Expr expand_erf(const Expr& x) {
  const Lanes l(x);
  const Expr a = unary(UnaryOp::abs, x);
  const Expr t = l.f(1) / fma(a, l.f(0.3275911), l.f(1));
  const Expr tail = polynomial(l, t, {1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592}) * t;
  const Expr far = l.f(1) - tail * expand_exp(-(a * a));
  const Expr z = x * x;
  const Expr near = polynomial(l, z, {-0.0268661706, 0.1128379167, -0.3761263890, 1.1283791671}) * x;
  return select(a < l.f(0.3), near, select(x < l.f(0), -far, far));
}

Expr expand(const Expr& e) {
  if (e->kind != ExprKind::unary) return e;
  const Expr& x = e->args[0];
  switch (e->unary) {
    case UnaryOp::exp: return expand_exp(x);
    case UnaryOp::log: return expand_log(x);
    case UnaryOp::sin: return expand_wave(x, 0);
    case UnaryOp::cos: return expand_wave(x, 1);
    case UnaryOp::tanh: return expand_tanh(x);
    case UnaryOp::erf: return expand_erf(x);
    default: return e;
  }
}

}  // namespace

Program expand_math(const Program& program, const Target&) {
  Program result = program;
  for (Kernel& kernel : result.kernels)
    kernel.body = rewrite(kernel.body, [](const Expr& whole) { return rewrite(whole, expand); });
  return result;
}

}  // namespace hearth
