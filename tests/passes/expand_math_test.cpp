// expand_math on its text cases, and how far its functions lie from the truth (std:: in double).
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "cases.h"
#include "passes/lower.h"
#include "tests/support/run_program.h"

namespace hearth {
namespace {

constexpr int64_t kChunk = 1024;

// f of every value, by the expanded kernel in vectors of 16.
std::vector<float> expanded(UnaryOp f, std::vector<float> values) {
  const size_t count = values.size();
  values.resize((count + kChunk - 1) / kChunk * kChunk);
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32);
  const Expr at = var("chunk") * Expr(kChunk) + var("i") * Expr(16);
  const Stmt one = store(y, at, unary(f, load_as({DType::f32, 16}, x, at)));
  const Dim chunks = static_cast<int64_t>(values.size()) / kChunk;
  const Kernel kernel{"f",
                      {{x, Access::read}, {y, Access::write}},
                      chunks,
                      loop("chunk", Expr(chunks), LoopKind::parallel, loop("i", Expr(kChunk / 16), LoopKind::serial, one))};
  Program program;
  const Dim elements = static_cast<int64_t>(values.size());
  program.buffers = {{"x", DType::f32, elements, Role::input}, {"y", DType::f32, elements, Role::output}};
  program.kernels = {kernel};
  program.launches = {{{{"f", 0, 0, 0}}, {"x", "y"}}};
  Memory memory{{"x", as_bytes(values)}};
  run_program(expand_math(program, Target{}), {}, memory);
  std::vector<float> result = as_values<float>(memory["y"]);
  result.resize(count);
  return result;
}

// Values from low to high in even steps, and as many small ones.
std::vector<float> range(float low, float high, int count) {
  std::vector<float> values;
  for (int i = 0; i <= count; ++i)
    values.push_back(low + (high - low) * (static_cast<float>(i) / static_cast<float>(count)));
  Chance chance(3);
  for (int i = 0; i < count; ++i) {      // evenly by exponent
    const float small = std::ldexp(chance.uniform(), -static_cast<int>(chance.below(40))) * high;
    if (small >= low && small <= high) values.push_back(small);
  }
  return values;
}

double ulp_of(double value) {
  const float f = std::fabs(static_cast<float>(value));
  return std::nextafter(f, std::numeric_limits<float>::infinity()) - f;
}

struct Worst {
  double absolute = 0, ulps = 0;
};

Worst measure(UnaryOp f, double (*truth)(double), const std::vector<float>& values) {
  const std::vector<float> got = expanded(f, values);
  Worst worst;
  for (size_t i = 0; i < values.size(); ++i) {
    const double want = truth(static_cast<double>(values[i]));
    const double off = std::fabs(static_cast<double>(got[i]) - want);
    if (!(off <= worst.absolute)) worst.absolute = off;      // NaN counts
    if (!(off / ulp_of(want) <= worst.ulps)) worst.ulps = off / ulp_of(want);
  }
  return worst;
}

TEST(ExpandMath, TurnsItsCasesIntoWhatIsWritten) { check_loop_pass("expand_math", expand_math, Meaning::rounded); }

// The bounds are those that src/passes/expand_math.cpp claims.
TEST(ExpandMath, ExpIsNearTheTruth) {
  EXPECT_LE(measure(UnaryOp::exp, std::exp, range(-87.33f, 88, 200000)).ulps, 1.3);
}

TEST(ExpandMath, LogIsNearTheTruth) {
  std::vector<float> values;
  for (uint32_t bits = 0x00800000; bits < 0x7f800000; bits += 9973) values.push_back(std::bit_cast<float>(bits));
  for (float near_one : range(0.5f, 2, 100000)) values.push_back(near_one);
  EXPECT_LE(measure(UnaryOp::log, std::log, values).ulps, 0.9);
}

TEST(ExpandMath, SinAndCosAreNearTheTruthFarOut) {
  for (auto [high, bound] : {std::pair(10.0f, 1e-7), {1000.0f, 1e-7}, {1e5f, 1.2e-7}}) {
    EXPECT_LE(measure(UnaryOp::sin, std::sin, range(-high, high, 100000)).absolute, bound) << high;
    EXPECT_LE(measure(UnaryOp::cos, std::cos, range(-high, high, 100000)).absolute, bound) << high;
  }
}

TEST(ExpandMath, TanhAndErfAreNearTheTruth) {
  EXPECT_LE(measure(UnaryOp::tanh, std::tanh, range(-20, 20, 200000)).absolute, 2e-7);
  EXPECT_LE(measure(UnaryOp::erf, std::erf, range(-6, 6, 200000)).absolute, 4e-7);
  EXPECT_LE(measure(UnaryOp::erf, std::erf, range(0.29f, 0.32f, 100000)).absolute, 4e-7);    // where its two parts meet
}

// An elementwise op of every value, through all passes.
std::vector<float> computed(const std::string& op, std::vector<float> values) {
  const size_t count = values.size();
  values.resize((count + kChunk - 1) / kChunk * kChunk);
  const auto graph = parse_graph(fmt::format(R"(size tokens in [1, 4096]
%0 = input() {{columns = "1024", dtype = "f32", name = "x", rows = "tokens"}} : f32 [tokens, 1024]
%1 = {}(%0) : f32 [tokens, 1024]
output y = %1
)", op));
  CHECK(graph.ok(), "{}", graph.message());
  Memory memory{{"x", as_bytes(values)}};
  run_program(run_loop_passes(lower(*graph, Target{}), Target{}, {}), {{"tokens", static_cast<int64_t>(values.size()) / kChunk}}, memory);
  std::vector<float> result = as_values<float>(memory["y"]);
  result.resize(count);
  return result;
}

double silu_of(double x) { return x / (1 + std::exp(-x)); }
double gelu_of(double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }
double gelu_tanh_of(double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x))); }

// The bounds are those of docs/IR.md: of |error| / |f(x)| and of |error| / max(1, |x|).
TEST(ExpandMath, ActivationsAreNearTheTruth) {
  constexpr double kUnbounded = std::numeric_limits<double>::infinity();    // where x is far below 0 it underflows to 0
  struct Bound {
    const char* op;
    double (*truth)(double);
    double relative, absolute;
  };
  for (const Bound& bound : {Bound{"silu", silu_of, 2e-7, 1.2e-7},
                             {"gelu", gelu_of, kUnbounded, 1.8e-7},
                             {"gelu_tanh", gelu_tanh_of, kUnbounded, 1.1e-7}}) {
    const std::vector<float> values = range(-80, 80, 100000), got = computed(bound.op, values);
    double relative = 0, absolute = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double x = static_cast<double>(values[i]), want = bound.truth(x), off = std::fabs(static_cast<double>(got[i]) - want);
      if (want != 0 && !(off / std::fabs(want) <= relative)) relative = off / std::fabs(want);
      if (!(off / std::fmax(1, std::fabs(x)) <= absolute)) absolute = off / std::fmax(1, std::fabs(x));
    }
    EXPECT_LE(relative, bound.relative) << bound.op;
    EXPECT_LE(absolute, bound.absolute) << bound.op;
  }
}

TEST(ExpandMath, EndsAreAsDescribed) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(expanded(UnaryOp::exp, {-inf, -1000, -87.4f, 0}), (std::vector<float>{0, 0, 0, 1}));
  const std::vector<float> high = expanded(UnaryOp::exp, {88, 100, inf});
  EXPECT_EQ(high[0], high[1]);
  EXPECT_EQ(high[0], high[2]);
  EXPECT_EQ(expanded(UnaryOp::log, {0, -0.0f, -1, -inf, 1}), (std::vector<float>{-inf, -inf, -inf, -inf, 0}));
  EXPECT_EQ(expanded(UnaryOp::tanh, {-inf, -100, 0, 100, inf}), (std::vector<float>{-1, -1, 0, 1, 1}));
  EXPECT_EQ(expanded(UnaryOp::erf, {-inf, -100, 0, 100, inf}), (std::vector<float>{-1, -1, 0, 1, 1}));
}

}  // namespace
}  // namespace hearth
