// Products and embeddings over every storage and panel: against double, exact integers, and rows apart from their neighbours.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/quantized_rows.h"
#include "ops/rows_i16.h"
#include "tests/support/small_graph.h"

namespace hearth {
namespace {

// Lanes, registers and byte products as targets have them.
const Target kTargets[] = {made_target(16, 32, Dot4::unsigned_signed), made_target(8, 16, Dot4::none), made_target(4, 32, Dot4::signed_signed)};

std::vector<std::string> storages() {
  std::vector<std::string> all = scheme_names();
  for (const char* plain : {"f32", "f16", "bf16"}) all.push_back(plain);
  return all;
}

int64_t columns_of(const std::string& storage) {
  const Scheme* scheme = find_scheme(storage);
  return scheme ? std::max(scheme->block, 64) : 40;
}

// x w^T in double, and the sum of magnitudes that rounding errors grow with.
struct Truth {
  std::vector<double> values, magnitudes;
};
Truth product(const std::vector<float>& x, const Matrix& w) {
  Truth truth;
  for (size_t r = 0; r < x.size() / static_cast<size_t>(w.columns); ++r)
    for (int64_t c = 0; c < w.rows; ++c) {
      double sum = 0, magnitude = 0;
      for (int64_t k = 0; k < w.columns; ++k) {
        const double term = static_cast<double>(x[r * static_cast<size_t>(w.columns) + static_cast<size_t>(k)]) * w.at(c, k);
        sum += term;
        magnitude += std::fabs(term);
      }
      truth.values.push_back(sum);
      truth.magnitudes.push_back(magnitude);
    }
  return truth;
}

std::vector<float> row_of(const std::vector<float>& x, int64_t row, int64_t columns) {
  return {x.begin() + row * columns, x.begin() + (row + 1) * columns};
}

// y for all rows at once; asserts that a row alone gives the same bits (the variant of one row against those of many).
std::vector<float> run_rows(SmallGraph& g, const Target& target, const std::vector<float>& x, int64_t columns) {
  const int64_t rows = static_cast<int64_t>(x.size()) / columns;
  Memory memory{{"x", as_bytes(x)}};
  g.run(target, {{"n", rows}}, memory);
  const std::vector<float> y = as_values<float>(memory["y"]);
  const int64_t last = rows - 1, width = static_cast<int64_t>(y.size()) / rows;
  Memory alone{{"x", as_bytes(row_of(x, last, columns))}};
  g.run(target, {{"n", 1}}, alone);
  EXPECT_EQ(as_values<float>(alone["y"]), row_of(y, last, width)) << "row " << last << " differs alone";
  return y;
}

TEST(Product, MatmulIsNearTheTruthInEveryStorage) {
  for (const Target& target : kTargets)
    for (const std::string& storage : storages()) {
      Chance chance(11);
      const int64_t columns = columns_of(storage), lanes = target.lanes_f32();
      if (columns >= 256 && lanes != 8) continue;        // blocks of 256 take long; their panels are tested below
      const Matrix w = random_matrix(storage, 2 * lanes - 3, columns, chance);         // the last panel is not full
      SmallGraph g;
      g.size("n", 0, 64);
      g.output("y", g("matmul", {g.input("x", "f32", "n", std::to_string(columns)), g.matrix("w", w, storage, lanes)}));
      const std::vector<float> x = chance.floats(11 * columns);
      SCOPED_TRACE(fmt::format("{} in panels of {}", storage, lanes));
      const Truth truth = product(x, w);
      expect_near(run_rows(g, target, x, columns), truth.values, truth.magnitudes, 1e-6);
    }
}

TEST(Product, PairsGiveTheBitsOfSingles) {
  for (const Target& target : kTargets)
    for (const int64_t columns : {40, 42}) {
      Chance chance(17);
      const int64_t lanes = target.lanes_f32();
      const Matrix w = random_matrix("bf16", 2 * lanes - 3, columns, chance);
      const std::vector<float> x = chance.floats(11 * columns);
      SmallGraph singles, pairs;
      for (SmallGraph* g : {&singles, &pairs}) {
        g->size("n", 0, 64);
        const Value weight = g == &pairs ? g->pairs("w", w, lanes) : g->matrix("w", w, "bf16", lanes);
        g->output("y", (*g)("matmul", {g->input("x", "f32", "n", std::to_string(columns)), weight}));
      }
      EXPECT_EQ(run_rows(pairs, target, x, columns), run_rows(singles, target, x, columns)) << columns << " in panels of " << lanes;
    }
}

TEST(Product, RoundedRowsAreNearTheTruthOfWhatTheyAreRoundedTo) {
  for (const Target& target : kTargets)
    for (const int64_t columns : {40, 42}) {
      Chance chance(18);
      const int64_t lanes = target.lanes_f32();
      const Matrix w = random_matrix("bf16", 2 * lanes - 3, columns, chance);
      SmallGraph g;
      g.size("n", 0, 64);
      g.output("y", g("matmul", {g("round_rows", {g.input("x", "f32", "n", std::to_string(columns))}), g.pairs("w", w, lanes)}));
      std::vector<float> x = chance.floats(11 * columns);
      const std::vector<float> y = run_rows(g, target, x, columns);
      for (float& value : x) value = bf16_to_f32(f32_to_bf16(value));
      SCOPED_TRACE(fmt::format("{} columns in panels of {}", columns, lanes));
      const Truth truth = product(x, w);
      expect_near(y, truth.values, truth.magnitudes, 1e-6);
    }
}

Value product_i16(SmallGraph& g, const Matrix& w, int64_t lanes) {
  const Value x = g.input("x", "f32", "n", std::to_string(w.columns));
  return g("matmul_i16", {g("quantize_rows_i16", {x}), g.pairs("w", w, lanes)});
}

// Codes of a peak of 8191 are the integers themselves; weights of up to 8 bits a factor of 32 apart keep all their bits.
TEST(Product, MatmulI16IsExactOverIntegers) {
  for (const Target& target : kTargets) {
    Chance chance(19);
    const int64_t columns = 96, lanes = target.lanes_f32();
    Matrix w = random_matrix("bf16", 2 * lanes - 3, columns, chance);
    std::vector<uint16_t> stored;
    for (float& value : w.values) {
      value = static_cast<float>(chance.below(511) - 255) * (chance.below(2) == 0 ? 0x1p-20f : 0x1p-22f);
      stored.push_back(f32_to_bf16(value));
    }
    w.bytes = as_bytes(stored);
    SmallGraph g;
    g.size("n", 0, 64);
    g.output("y", product_i16(g, w, lanes));
    std::vector<float> x;  // enough rows for making codes first
    for (int64_t i = 0; i < 35 * columns; ++i)
      x.push_back(static_cast<float>(i % kGroupI16 == 5 ? (i % 64 == 5 ? kPeakI16 : -kPeakI16) : chance.below(15) - 7));
    SCOPED_TRACE(fmt::format("panels of {}", lanes));
    const Truth truth = product(x, w);
    const std::vector<float> y = run_rows(g, target, x, columns);
    ASSERT_EQ(y.size(), truth.values.size());
    for (size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(y[i], truth.values[i], 2e-7 * truth.magnitudes[i]) << "element " << i;
  }
}

// What one group of a column may be off by: each operand by half a step of its group, the largest of which is 2^-12 of the peak.
double bound_i16(const float* x, const float* w) {
  double x_peak = 0, w_peak = 0, x_sum = 0, w_sum = 0;
  for (int k = 0; k < kGroupI16; ++k) {
    const double a = std::fabs(static_cast<double>(x[k])), b = std::fabs(static_cast<double>(w[k]));
    x_peak = std::max(x_peak, a), w_peak = std::max(w_peak, b), x_sum += a, w_sum += b;
  }
  return x_peak / kPeakI16 / 2 * w_sum + w_peak * 0x1p-13 * x_sum + kGroupI16 * x_peak / kPeakI16 / 2 * w_peak * 0x1p-13;
}

// Weights of every kind of group: usual, zeros, all equal, denormal, the largest, and sizes far apart.
TEST(Product, MatmulI16IsWithinTheRoundingOfItsGroups) {
  for (const Target& target : kTargets) {
    Chance chance(20);
    const int64_t columns = 256, lanes = target.lanes_f32();
    Matrix w = random_matrix("bf16", 2 * lanes - 3, columns, chance);
    std::vector<uint16_t> stored;
    for (size_t i = 0; i < w.values.size(); ++i) {
      const float kinds[] = {w.values[i], 0, -0.375f, w.values[i] * 0x1p-128f, (w.values[i] < 0 ? -1 : 1) * 3e38f,
                             std::ldexp(w.values[i], chance.below(60) - 40), std::ldexp(w.values[i], -114), -0x1.fep20f};
      stored.push_back(f32_to_bf16(kinds[i / kGroupI16 % 8]));
      w.values[i] = bf16_to_f32(stored.back());
    }
    w.bytes = as_bytes(stored);
    SmallGraph g;
    g.size("n", 0, 64);
    g.output("y", product_i16(g, w, lanes));
    const std::vector<float> ones = chance.floats(33 * columns);
    std::vector<float> x;
    for (int64_t i = 0; i < 33 * columns; ++i) {
      const int64_t kind = i / kGroupI16 % 8, row = i / columns;
      const bool huge = kind == 4 || kind == 7;          // one of them alone in a row, or nothing else would be seen
      x.push_back(huge == (row % 3 == 1) ? ones[static_cast<size_t>(i)] * (kind == 4 ? 0.01f : 1) : 0);
    }
    const std::vector<float> y = run_rows(g, target, x, columns);
    const Truth truth = product(x, w);
    for (size_t i = 0; i < y.size(); ++i) {
      const int64_t row = static_cast<int64_t>(i) / w.rows, c = static_cast<int64_t>(i) % w.rows;
      double bound = 1e-6 * truth.magnitudes[i] + 1e-36;
      for (int64_t k = 0; k < columns; k += kGroupI16) bound += bound_i16(&x[static_cast<size_t>(row * columns + k)], &w.values[static_cast<size_t>(c * columns + k)]);
      ASSERT_LE(std::fabs(y[i] - truth.values[i]), bound) << "panels of " << lanes << ", element " << i;
    }
  }
}

Value integer_product(SmallGraph& g, Value x, Value w, const Scheme& scheme, const Target& target) {
  const Attrs attrs{{"sum_group", int64_t{scheme.group()}},
                    {"sum_values", int64_t{scheme.offset ? 1 : 0}},
                    {"together", int64_t{target.byte_tiles ? 2 : 1}}};
  return g("matmul_int", {g("quantize_rows", {x}, attrs), w}, attrs);
}

// Integers with a peak of 127 in each group have a scale of 1, weights are multiples of a power of two: nothing is rounded.
TEST(Product, MatmulIntIsExactOverIntegers) {
  std::vector<Target> targets(std::begin(kTargets), std::end(kTargets));
  for (const Dot4 dot4 : {Dot4::signed_signed, Dot4::none}) targets.push_back(with_byte_tiles(made_target(4, 32, dot4)));
  for (const Target& target : targets)
    for (const std::string& storage : scheme_names()) {
      Chance chance(12);
      const int64_t columns = columns_of(storage), lanes = target.lanes_f32();
      const Matrix w = random_matrix(storage, 2 * lanes - 3, columns, chance, Scales::powers_of_two);
      SmallGraph g;
      g.size("n", 0, 64);
      g.output("y", integer_product(g, g.input("x", "f32", "n", std::to_string(columns)), g.codes("w", w, storage, target), *find_scheme(storage), target));
      std::vector<float> x;  // enough rows for unpacking first
      for (int64_t i = 0; i < 35 * columns; ++i)
        x.push_back(static_cast<float>(i % kRowGroup == 5 ? (i % 64 == 5 ? 127 : -127) : chance.below(15) - 7));
      SCOPED_TRACE(fmt::format("{} in panels of {}{}", storage, lanes, target.byte_tiles ? ", tiles" : ""));
      const Truth truth = product(x, w);
      const std::vector<float> y = run_rows(g, target, x, columns);
      run_rows(g, target, {x.begin(), x.begin() + 6 * columns}, columns);  // the last one of a pair
      ASSERT_EQ(y.size(), truth.values.size());
      for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(static_cast<double>(y[i]), truth.values[i]) << "element " << i;
    }
}

// Rounding x to int8 moves each product by at most half a step of its group.
TEST(Product, MatmulIntIsWithinTheRoundingOfItsRows) {
  for (const std::string& storage : scheme_names()) {
    Chance chance(13);
    const Target& target = kTargets[1];
    const int64_t columns = columns_of(storage);
    const Matrix w = random_matrix(storage, 16, columns, chance);
    SmallGraph g;
    g.size("n", 0, 64);
    g.output("y", integer_product(g, g.input("x", "f32", "n", std::to_string(columns)), g.matrix("w", w, storage, 8), *find_scheme(storage), target));
    const std::vector<float> x = chance.floats(33 * columns, 5);
    const std::vector<float> y = run_rows(g, target, x, columns);
    const Truth truth = product(x, w);
    for (size_t i = 0; i < y.size(); ++i) {
      const int64_t row = static_cast<int64_t>(i) / 16, c = static_cast<int64_t>(i) % 16;
      double bound = 1e-5 * truth.magnitudes[i];
      for (int64_t group = 0; group < columns / kRowGroup; ++group) {
        float peak = 0;
        double weights = 0;
        for (int64_t k = group * kRowGroup; k < (group + 1) * kRowGroup; ++k) {
          peak = std::max(peak, std::fabs(x[static_cast<size_t>(row * columns + k)]));
          weights += std::fabs(w.at(c, k));
        }
        bound += weights * peak / 127 / 2;
      }
      ASSERT_LE(std::fabs(y[i] - truth.values[i]), bound) << storage << " element " << i;
    }
  }
}

// Bias, activation and the write of the result happen where the product is finished, also in a panel that is not full.
TEST(Product, EpiloguesSeeEveryColumnOnce) {
  for (const Target& target : kTargets) {
    Chance chance(14);
    const Matrix w = random_matrix("q4_0", 21, 64, chance);
    const std::vector<float> bias = chance.floats(21), x = chance.floats(5 * 64), r = chance.floats(5 * 21);
    SmallGraph g;
    g.size("n", 0, 64);
    const Value y = g("matmul", {g.input("x", "f32", "n", "64"), g.matrix("w", w, "q4_0", target.lanes_f32())});
    g.output("y", g("add", {g.input("r", "f32", "n", "21"), g("silu", {g("add", {y, g.vector("bias", bias)})})}));
    Memory memory{{"x", as_bytes(x)}, {"r", as_bytes(r)}};
    g.run(target, {{"n", 5}}, memory);
    Truth want = product(x, w);
    for (size_t i = 0; i < want.values.size(); ++i) {
      const double v = want.values[i] + bias[i % 21];
      want.values[i] = r[i] + v / (1 + std::exp(-v));
    }
    expect_near(as_values<float>(memory["y"]), want.values, std::vector<double>(want.values.size(), 5.0), 2e-6);
  }
}

TEST(Product, EmbedFindsItsRowsInEveryPanel) {
  for (const std::string& storage : storages())
    for (int64_t panel : {1, 4, 8, 16}) {
      Chance chance(15);
      const int64_t columns = columns_of(storage), vocabulary = 37;
      const Matrix w = random_matrix(storage, vocabulary, columns, chance);
      SmallGraph g;
      g.size("n", 1, 64);
      g.output("y", g("embed", {g.input("ids", "i32", "n"), g.matrix("w", w, storage, panel)}));
      const std::vector<int32_t> ids = {0, 36, 1, 15, 16, 17, 36, 8};
      Memory memory{{"ids", as_bytes(ids)}};
      g.run(kTargets[0], {{"n", 8}}, memory);
      const std::vector<float> y = as_values<float>(memory["y"]);
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_EQ(y[i], w.at(ids[i / static_cast<size_t>(columns)], static_cast<int64_t>(i) % columns)) << storage << " panel " << panel;
    }
}

}  // namespace
}  // namespace hearth
