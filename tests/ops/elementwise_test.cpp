// Ops on single elements and views: what they compute, broadcast and fused, against double.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/support/small_graph.h"

namespace hearth {
namespace {

const Target kTarget = made_target(16, 32, Dot4::none);

struct Function {
  std::string op;
  double (*truth)(double);
  double error;                  // absolute, of values in [-8, 8)
};

double silu_of(double x) { return x / (1 + std::exp(-x)); }
double gelu_of(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double gelu_tanh_of(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
double sine_of(double x) { return std::sin(x); }
double cosine_of(double x) { return std::cos(x); }

TEST(Elementwise, FunctionsAreNearTheTruth) {
  const Function functions[] = {{"silu", silu_of, 2e-6}, {"gelu", gelu_of, 3e-6}, {"gelu_tanh", gelu_tanh_of, 3e-6},
                                {"sine", sine_of, 1.2e-7}, {"cosine", cosine_of, 1.2e-7}};
  for (const Function& f : functions) {
    SmallGraph g;
    g.size("n", 1, 40);
    g.output("y", g(f.op, {g.input("x", "f32", "n", "48")}));
    Chance chance(1);
    const std::vector<float> x = chance.floats(40 * 48, 8);
    Memory memory{{"x", as_bytes(x)}};
    g.run(kTarget, {{"n", 40}}, memory);
    std::vector<double> want;
    for (float value : x) want.push_back(f.truth(value));
    SCOPED_TRACE(f.op);
    expect_near(as_values<float>(memory["y"]), want, std::vector<double>(want.size(), 1.0), f.error);
  }
}

float apply(const std::string& op, float a, float b) { return op == "add" ? a + b : op == "mul" ? a * b : a / b; }

// Operand shapes that stretch to [n, 6, 8]: every axis, missing leading ones, either side.
TEST(Elementwise, OperandsStretch) {
  for (const std::string op : {"add", "mul", "divide"})
    for (int shape = 0; shape < 6; ++shape) {
      SmallGraph g;
      g.size("n", 1, 9);
      Chance chance(static_cast<uint32_t>(shape) + 2);
      const std::vector<float> x = chance.floats(5 * 48), vector = chance.floats(8), one = chance.floats(1), rows = chance.floats(5),
                               row = chance.floats(48);
      const Value whole = g("reshape", {g.input("x", "f32", "n", "48")}, {{"heads", int64_t{6}}});
      const Value others[] = {whole, g.vector("vector", vector), g.vector("one", one),
                              g("reshape", {g.input("rows", "f32", "n", "1")}, {{"heads", int64_t{1}}}),
                              g("reshape", {g.input("row", "f32", "1", "48")}, {{"heads", int64_t{6}}}),
                              g("rms_scale", {whole}, {{"eps", 1.0}})};
      const Value other = others[shape];
      g.output("y", g("reshape", {g(op, {whole, other})}, {{"heads", int64_t{0}}}));
      g.output("z", g("reshape", {g(op, {other, whole})}, {{"heads", int64_t{0}}}));
      g.output("scale", others[5]);
      Memory memory{{"x", as_bytes(x)}, {"rows", as_bytes(rows)}, {"row", as_bytes(row)}};
      g.run(kTarget, {{"n", 5}}, memory);
      const auto scale = as_values<float>(memory["scale"]), y = as_values<float>(memory["y"]), z = as_values<float>(memory["z"]);
      for (size_t i = 0; i < x.size(); ++i) {
        const float b[] = {x[i], vector[i % 8], one[0], rows[i / 48], row[i % 48], scale[i / 8]};
        ASSERT_EQ(y[i], apply(op, x[i], b[shape])) << op << " " << shape << " " << i;
        ASSERT_EQ(z[i], apply(op, b[shape], x[i])) << op << " " << shape << " " << i;
      }
    }
}

TEST(Elementwise, ViewsOnlyMoveElements) {
  SmallGraph g;
  g.size("n", 1, 40);
  g.size("rows", 0, 9);
  const Value x = g.input("x", "f32", "n", "24"), which = g.input("which", "i32", "rows");
  g.output("selected", g("select_rows", {x, which}));
  g.output("columns", g("slice_columns", {x}, {{"first", int64_t{7}}, {"count", int64_t{9}}}));
  const Value heads = g("reshape", {x}, {{"heads", int64_t{3}}});
  g.output("back", g("reshape", {heads}, {{"heads", int64_t{0}}}));
  g.output("doubled", g("add", {g("slice_columns", {g("select_rows", {x, which})}, {{"first", int64_t{16}}, {"count", int64_t{8}}}),
                                g("slice_columns", {g("select_rows", {x, which})}, {{"first", int64_t{16}}, {"count", int64_t{8}}})}));
  g.output("heads", g("add", {heads, heads}));
  Chance chance(4);
  const std::vector<float> values = chance.floats(11 * 24);
  const std::vector<int32_t> rows = {10, 0, 3, 3, 7};
  Memory memory{{"x", as_bytes(values)}, {"which", as_bytes(rows)}};
  g.run(kTarget, {{"n", 11}, {"rows", 5}}, memory);
  const auto selected = as_values<float>(memory["selected"]), columns = as_values<float>(memory["columns"]),
             doubled = as_values<float>(memory["doubled"]), of_heads = as_values<float>(memory["heads"]);
  EXPECT_EQ(as_values<float>(memory["back"]), values);
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t c = 0; c < 24; ++c) ASSERT_EQ(selected[r * 24 + c], values[static_cast<size_t>(rows[r]) * 24 + c]);
  for (size_t r = 0; r < 11; ++r)
    for (size_t c = 0; c < 9; ++c) ASSERT_EQ(columns[r * 9 + c], values[r * 24 + 7 + c]);
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t c = 0; c < 8; ++c) ASSERT_EQ(doubled[r * 8 + c], 2 * values[static_cast<size_t>(rows[r]) * 24 + 16 + c]);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(of_heads[i], 2 * values[i]);
}

TEST(Elementwise, NoRowsAreNoWork) {
  SmallGraph g;
  g.size("n", 1, 40);
  g.size("rows", 0, 9);
  g.output("y", g("silu", {g("select_rows", {g.input("x", "f32", "n", "24"), g.input("which", "i32", "rows")})}));
  Memory memory{{"x", as_bytes(std::vector<float>(24))}, {"which", {}}};
  g.run(kTarget, {{"n", 1}, {"rows", 0}}, memory);
  EXPECT_TRUE(memory["y"].empty());
}

TEST(Elementwise, AnglesArePositionTimesFrequencyInFloat) {
  SmallGraph g;
  g.size("n", 1, 40);
  const std::vector<float> frequencies = {1, 0.1f, 0.01f, 1e-4f, 3.3e-6f};
  g.output("y", g("angles", {g.input("positions", "i32", "n"), g.vector("frequencies", frequencies)}));
  const std::vector<int32_t> positions = {0, 1, 7, 131071, 16777217};
  Memory memory{{"positions", as_bytes(positions)}};
  g.run(kTarget, {{"n", 5}}, memory);
  const auto y = as_values<float>(memory["y"]);
  for (size_t i = 0; i < 25; ++i) EXPECT_EQ(y[i], static_cast<float>(positions[i / 5]) * frequencies[i % 5]);
}

// The scale of another row, or of a row before it was cut into heads, must not be taken for this row's (see fuse_elementwise).
TEST(Elementwise, ScalesStayWithTheirRows) {
  SmallGraph g;
  g.size("n", 1, 40);
  g.size("rows", 0, 9);
  const Value x = g.input("x", "f32", "n", "32"), which = g.input("which", "i32", "rows");
  const auto norm = [&](double eps) { return g("mul", {x, g("rms_scale", {x}, {{"eps", eps}})}); };
  g.output("selected", g("silu", {g("select_rows", {norm(1e-3), which})}));
  g.output("heads", g("silu", {g("reshape", {norm(1e-4)}, {{"heads", int64_t{2}}})}));
  g.output("cut", g("silu", {g("slice_columns", {norm(1e-5)}, {{"first", int64_t{8}}, {"count", int64_t{8}}})}));
  Chance chance(5);
  const Matrix w = random_matrix("f16", 32, 32, chance);
  g.output("residual", g("add", {g("matmul", {x, g.matrix("w", w, "f16", 16)}), norm(1e-6)}));
  const std::vector<float> values = chance.floats(6 * 32);
  const std::vector<int32_t> rows = {5, 0, 3};
  Memory memory{{"x", as_bytes(values)}, {"which", as_bytes(rows)}};
  g.run(kTarget, {{"n", 6}, {"rows", 3}}, memory);
  const auto norm_at = [&](size_t row, size_t c, double eps) {
    double sum = 0;
    for (size_t k = 0; k < 32; ++k) sum += std::pow(static_cast<double>(values[row * 32 + k]), 2);
    return values[row * 32 + c] / std::sqrt(sum / 32 + eps);
  };
  const auto selected = as_values<float>(memory["selected"]), heads = as_values<float>(memory["heads"]), cut = as_values<float>(memory["cut"]);
  for (size_t r = 0; r < 3; ++r)
    for (size_t c = 0; c < 32; ++c) ASSERT_NEAR(selected[r * 32 + c], silu_of(norm_at(static_cast<size_t>(rows[r]), c, 1e-3)), 1e-5);
  for (size_t i = 0; i < 6 * 32; ++i) ASSERT_NEAR(heads[i], silu_of(norm_at(i / 32, i % 32, 1e-4)), 1e-5);
  for (size_t i = 0; i < 6 * 8; ++i) ASSERT_NEAR(cut[i], silu_of(norm_at(i / 8, 8 + i % 8, 1e-5)), 1e-5);
}

}  // namespace
}  // namespace hearth
