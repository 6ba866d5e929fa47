// Ops on rows: rms_scale, rope and quantize_rows against double and exact integers, and rows apart from their neighbours.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/quantized_rows.h"
#include "tests/support/small_graph.h"

namespace hearth {
namespace {

const Target kTarget = made_target(16, 32, Dot4::none);

TEST(Rows, RmsScaleIsTheInverseRoot) {
  for (int64_t columns : {1, 7, 24, 32, 80, 96}) {
    SmallGraph g;
    g.size("n", 1, 40);
    g.output("scale", g("rms_scale", {g.input("x", "f32", "n", std::to_string(columns))}, {{"eps", 1e-5}}));
    Chance chance(static_cast<uint32_t>(columns));
    std::vector<float> x = chance.floats(7 * columns, 3);
    std::fill(x.begin(), x.begin() + columns, 0.0f);
    Memory memory{{"x", as_bytes(x)}};
    g.run(kTarget, {{"n", 7}}, memory);
    std::vector<double> want;
    for (int64_t r = 0; r < 7; ++r) {
      double sum = 0;
      for (int64_t k = 0; k < columns; ++k) sum += std::pow(static_cast<double>(x[static_cast<size_t>(r * columns + k)]), 2);
      want.push_back(1 / std::sqrt(sum / static_cast<double>(columns) + 1e-5));
    }
    expect_near(as_values<float>(memory["scale"]), want, 1e-6);
  }
}

TEST(Rows, RopeTurnsHalvesAgainstEachOther) {
  for (int64_t size : {2, 6, 32, 64}) {
    SmallGraph g;
    g.size("n", 1, 40);
    const int64_t heads = 3, half = size / 2, n = 5;
    const Value x = g("reshape", {g.input("x", "f32", "n", std::to_string(heads * size))}, {{"heads", heads}});
    const Value cos = g.input("cos", "f32", "n", std::to_string(half)), sin = g.input("sin", "f32", "n", std::to_string(half));
    g.output("y", g("reshape", {g("rope", {x, cos, sin})}, {{"heads", int64_t{0}}}));
    Chance chance(static_cast<uint32_t>(size));
    const auto values = chance.floats(n * heads * size), c = chance.floats(n * half), s = chance.floats(n * half);
    Memory memory{{"x", as_bytes(values)}, {"cos", as_bytes(c)}, {"sin", as_bytes(s)}};
    g.run(kTarget, {{"n", n}}, memory);
    std::vector<double> want;
    for (int64_t i = 0; i < n * heads * size; ++i) {
      const int64_t t = i / (heads * size), d = i % size, turn = t * half + d % half;
      const double own = values[static_cast<size_t>(i)], other = values[static_cast<size_t>(d < half ? i + half : i - half)];
      want.push_back(own * c[static_cast<size_t>(turn)] + (d < half ? -1 : 1) * other * s[static_cast<size_t>(turn)]);
    }
    expect_near(as_values<float>(memory["y"]), want, std::vector<double>(want.size(), 2.0), 1e-7);
  }
}

template <class T>
T read_at(const std::vector<std::byte>& bytes, const Expr& index) {
  T value;
  std::memcpy(&value, bytes.data() + index->integer * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

// What the sum over `count` codes from `first` on is kept as.
void expect_sum(const QuantizedRow& layout, const std::vector<std::byte>& bytes, int64_t row, int64_t group) {
  const auto code = [&](int64_t k) { return read_at<int8_t>(bytes, layout.code_index(Expr(row), Expr(k))); };
  int sum = 0;
  for (int64_t k = group * layout.sum_group; k < (group + 1) * layout.sum_group; ++k) sum += code(k);
  const Expr at = layout.sum_index(Expr(row), Expr(group));
  if (layout.sum_of == SumOf::codes) {
    ASSERT_EQ(read_at<int32_t>(bytes, at), sum * kSumFactor) << "row " << row << " group " << group;
  } else {
    const float scale = read_at<float>(bytes, layout.scale_index(Expr(row), Expr(group * layout.sum_group / kRowGroup)));
    ASSERT_EQ(read_at<float>(bytes, at), scale * static_cast<float>(sum)) << "row " << row << " group " << group;
  }
}

// The nearest integer of a product that is not rounded before.
int nearest_product(float a, float b) {
  return static_cast<int>(std::nearbyint(static_cast<double>(a) * static_cast<double>(b)));
}

void expect_quantized(const QuantizedRow& layout, const std::vector<std::byte>& bytes, const std::vector<float>& x, int64_t rows) {
  ASSERT_EQ(static_cast<int64_t>(bytes.size()), rows * layout.bytes());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t group = 0; group < layout.columns / kRowGroup; ++group) {
      const float* values = &x[static_cast<size_t>(row * layout.columns + group * kRowGroup)];
      float peak = 0;
      for (int k = 0; k < kRowGroup; ++k) peak = std::max(peak, std::fabs(values[k]));
      const float scale = read_at<float>(bytes, layout.scale_index(Expr(row), Expr(group)));
      ASSERT_EQ(scale, peak / 127);
      for (int k = 0; k < kRowGroup; ++k) {
        const int code = read_at<int8_t>(bytes, layout.code_index(Expr(row), Expr(group * kRowGroup + k)));
        ASSERT_EQ(code, peak > 0 ? nearest_product(values[k], 127 / peak) : 0);
        ASSERT_GE(code, -127);
        ASSERT_LE(std::fabs(static_cast<double>(values[k]) - static_cast<double>(code) * scale), 0.5001 * scale);
      }
    }
    for (int64_t group = 0; group < layout.columns / layout.sum_group; ++group) expect_sum(layout, bytes, row, group);
  }
}

// What rows in pairs hold, row by row.
std::vector<std::byte> apart(const QuantizedRow& layout, const std::vector<std::byte>& pairs, int64_t rows) {
  std::vector<std::byte> all(pairs.size());
  const auto move = [&](const Expr& to, const Expr& from, int64_t within, int64_t bytes) {
    std::memcpy(&all[static_cast<size_t>(to->integer * bytes)], &pairs[static_cast<size_t>((from->integer + within) * bytes)], static_cast<size_t>(bytes));
  };
  for (int64_t row = 0; row < rows; ++row) {
    const bool paired = row / 2 * 2 + 1 < rows;
    const int in_pair = paired ? 2 : 1;
    const Expr own(row), at(paired ? row / 2 : row);
    const int64_t within = paired ? row % 2 : 0;
    for (int64_t k = 0; k < layout.columns; ++k) {
      const Expr run = layout.code_index(at, Expr(k / kRunOfPair * kRunOfPair), in_pair);
      move(layout.code_index(own, Expr(k)), run, within * kRunOfPair + k % kRunOfPair, 1);
    }
    for (int64_t group = 0; group < layout.columns / kRowGroup; ++group)
      move(layout.scale_index(own, Expr(group)), layout.scale_index(at, Expr(group), in_pair), within, 4);
    for (int64_t group = 0; group < layout.columns / layout.sum_group; ++group)
      move(layout.sum_index(own, Expr(group)), layout.sum_index(at, Expr(group), in_pair), within, 4);
  }
  return all;
}

TEST(Rows, QuantizeRowsInPairsKeepsTheSame) {
  const int64_t columns = 96;
  for (int64_t rows : {1, 2, 5, 6}) {
    std::vector<std::byte> results[2];
    for (int64_t together : {1, 2}) {
      SmallGraph g;
      g.size("n", 1, 40);
      const Attrs attrs{{"sum_group", int64_t{16}}, {"sum_values", int64_t{1}}, {"together", together}};
      g.output("rows", g("quantize_rows", {g.input("x", "f32", "n", std::to_string(columns))}, attrs));
      Memory memory{{"x", as_bytes(Chance(3).floats(rows * columns, 2))}};
      g.run(kTarget, {{"n", rows}}, memory);
      results[together - 1] = memory["rows"];
    }
    EXPECT_EQ(results[0] == results[1], rows == 1);
    EXPECT_TRUE(apart({columns, 16, SumOf::values, 2}, results[1], rows) == results[0]) << rows << " rows";
  }
}

TEST(Rows, QuantizeRowsKeepsCodesScalesAndSums) {
  for (int64_t columns : {32, 96, 256})
    for (int64_t sum_group : {16, 32})
      for (int64_t sum_values : {0, 1}) {
        SmallGraph g;
        g.size("n", 1, 40);
        const Attrs attrs{{"sum_group", sum_group}, {"sum_values", sum_values}};
        g.output("rows", g("quantize_rows", {g.input("x", "f32", "n", std::to_string(columns))}, attrs));
        Chance chance(static_cast<uint32_t>(columns + sum_group + sum_values));
        std::vector<float> x = chance.floats(5 * columns, 2);
        std::fill(x.begin() + columns, x.begin() + columns + 32, 0.0f);           // a group of zeros
        std::fill(x.begin() + 2 * columns, x.begin() + 2 * columns + 32, -1.0f);  // a group of -127
        for (int k = 0; k < 32; ++k) x[static_cast<size_t>(3 * columns + k)] = static_cast<float>(k) - 16.5f;
        Memory memory{{"x", as_bytes(x)}};
        g.run(kTarget, {{"n", 5}}, memory);
        SCOPED_TRACE(fmt::format("{} columns, sums of {}, of values {}", columns, sum_group, sum_values));
        expect_quantized({columns, sum_group, sum_values ? SumOf::values : SumOf::codes}, memory["rows"], x, 5);
      }
}

TEST(Rows, GroupMaxLeavesOutWhatIsNoNumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (int64_t columns : {1, 15, 16, 17, 48, 100})
    for (int64_t width : {4, 16}) {
      SmallGraph g;
      g.size("n", 0, 40);
      g.output("peaks", g("group_max", {g.input("x", "f32", "n", std::to_string(columns))}, {{"columns", width}}));
      Chance chance(static_cast<uint32_t>(columns + width));
      std::vector<float> x = chance.floats(4 * columns, 3);
      for (int64_t k = 0; k < columns; k += 3) x[static_cast<size_t>(k)] = NAN;
      std::fill(x.begin() + columns, x.begin() + 2 * columns, NAN);
      std::fill(x.begin() + 2 * columns, x.begin() + 3 * columns, -infinity);
      x[static_cast<size_t>(4 * columns - 1)] = infinity;
      Memory memory{{"x", as_bytes(x)}};
      g.run(kTarget, {{"n", 4}}, memory);
      const int64_t groups = (columns + width - 1) / width;
      std::vector<float> want(static_cast<size_t>(4 * groups), -infinity);
      for (int64_t i = 0; i < 4 * columns; ++i) {
        float& most = want[static_cast<size_t>(i / columns * groups + i % columns / width)];
        most = x[static_cast<size_t>(i)] > most ? x[static_cast<size_t>(i)] : most;
      }
      EXPECT_EQ(as_values<float>(memory["peaks"]), want) << columns << " columns in groups of " << width;
    }
}

TEST(Rows, GroupMaxWantsGroupsThatFitAVector) {
  for (int64_t width : {0, 1, 3, 128}) {
    Build b;
    b.graph.sizes = {{"n", 0, 40}};
    const Value x = b("input", {}, {{"name", std::string("x")}, {"dtype", std::string("f32")}, {"rows", std::string("n")},
                                    {"columns", std::string("32")}});
    b("group_max", {x}, {{"columns", width}});
    EXPECT_EQ(std::move(b).finish().message(),
              fmt::format("group_max: got columns {}, want a power of two from 2 to 64", width));
  }
}

}  // namespace
}  // namespace hearth
