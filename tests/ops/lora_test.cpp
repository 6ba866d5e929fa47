// LoRA's two products: against double, rows of several adapters side by side, rows of none, and ranks padded with
// zeros.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/small_graph.h"

namespace hearth {
namespace {

const Target kTarget = made_target(16, 32, Dot4::none);

struct Shape {
  int64_t inputs, outputs;
};

// y' = y + up * (down * x) + b for rows of many adapters; b, of one row, is what fuses behind.
SmallGraph graph_of(const Shape& shape) {
  SmallGraph g;
  g.size("n", 1, 40);
  g.size("adapters", 1, 64);
  g.size("rank", 1, 256);
  const std::string in = std::to_string(shape.inputs), out = std::to_string(shape.outputs);
  const Value x = g.input("x", "f32", "n", in), y = g.input("y", "f32", "n", out),
              adapter = g.input("adapter", "i32", "n");
  const Value down = g.state("down", "f32", "adapters * rank * " + in),
              up = g.state("up", "f32", "adapters * " + out + " * rank");
  const Value narrow = g("lora_down", {x, down, adapter}, {{"rank", std::string("rank")}});
  g.output("z", g("add", {g("lora_up", {y, narrow, up, adapter}), g.input("b", "f32", "1", out)}));
  return g;
}

struct Numbers {
  std::vector<float> x, y, b, down, up;
  std::vector<int32_t> adapter;
};

Numbers numbers_of(const Shape& shape, int64_t rank, int64_t adapters, std::vector<int32_t> rows, uint32_t seed) {
  Chance chance(seed);
  const auto n = static_cast<int64_t>(rows.size());
  return {chance.floats(n * shape.inputs),
          chance.floats(n * shape.outputs),
          chance.floats(shape.outputs),
          chance.floats(adapters * rank * shape.inputs),
          chance.floats(adapters * shape.outputs * rank),
          std::move(rows)};
}

std::vector<float> run(SmallGraph& g, const Numbers& in, int64_t rank, int64_t adapters) {
  Memory memory{{"x", as_bytes(in.x)},       {"y", as_bytes(in.y)},   {"b", as_bytes(in.b)},
                {"down", as_bytes(in.down)}, {"up", as_bytes(in.up)}, {"adapter", as_bytes(in.adapter)}};
  g.run(kTarget, {{"n", static_cast<int64_t>(in.adapter.size())}, {"rank", rank}, {"adapters", adapters}}, memory);
  return as_values<float>(memory["z"]);
}

TEST(Lora, IsNearTheTruthAndLeavesOtherRowsAlone) {
  for (const Shape& shape : {Shape{64, 128}, Shape{24, 20}, Shape{7, 3}})
    for (int64_t rank : {1, 3, 16, 21, 64}) {
      SCOPED_TRACE(fmt::format("{} to {}, rank {}", shape.inputs, shape.outputs, rank));
      SmallGraph g = graph_of(shape);
      const Numbers in = numbers_of(shape, rank, 3, {2, -1, 0, 2, 1, -1}, static_cast<uint32_t>(rank));
      const std::vector<float> got = run(g, in, rank, 3);
      std::vector<double> want, size;
      for (size_t t = 0; t < in.adapter.size(); ++t)
        for (int64_t o = 0; o < shape.outputs; ++o) {
          double sum = 0, most = 1;
          const int64_t a = in.adapter[t];
          for (int64_t r = 0; a >= 0 && r < rank; ++r) {
            double narrow = 0;
            for (int64_t k = 0; k < shape.inputs; ++k)
              narrow += static_cast<double>(in.x[t * shape.inputs + k]) * in.down[(a * rank + r) * shape.inputs + k];
            sum += narrow * in.up[(a * shape.outputs + o) * rank + r];
            most += static_cast<double>(shape.inputs);
          }
          const float y = in.y[t * shape.outputs + o], b = in.b[o];
          want.push_back(sum + y + b);
          size.push_back(most);
          if (a < 0) {
            EXPECT_EQ(got[t * shape.outputs + o], y + b);
          }
        }
      expect_near(got, want, size, 1e-6);
    }
}

TEST(Lora, RowsAreWhatTheyAreAlone) {
  const Shape shape{48, 80};
  const int64_t rank = 10;
  SmallGraph g = graph_of(shape);
  const Numbers in = numbers_of(shape, rank, 3, {0, 1, -1, 2, 2, 0}, 5);
  const std::vector<float> together = run(g, in, rank, 3);
  for (size_t t = 0; t < in.adapter.size(); ++t) {
    Numbers one = in;
    one.x.assign(in.x.begin() + t * shape.inputs, in.x.begin() + (t + 1) * shape.inputs);
    one.y.assign(in.y.begin() + t * shape.outputs, in.y.begin() + (t + 1) * shape.outputs);
    one.adapter = {in.adapter[t]};
    const auto row = together.begin() + t * shape.outputs;
    EXPECT_EQ(run(g, one, rank, 3), std::vector<float>(row, row + shape.outputs)) << "row " << t;
  }
}

TEST(Lora, PaddingWithZerosChangesNoBit) {
  const Shape shape{32, 48};
  SmallGraph g = graph_of(shape);
  for (int64_t rank : {4, 16, 20}) {
    const int64_t padded = 37;
    const Numbers in = numbers_of(shape, rank, 1, {0, 0, -1}, 9);
    Numbers wide = in;
    wide.down.resize(padded * shape.inputs, 0.0f);
    wide.up.assign(shape.outputs * padded, 0.0f);
    for (int64_t o = 0; o < shape.outputs; ++o)
      std::copy_n(in.up.begin() + o * rank, rank, wide.up.begin() + o * padded);
    EXPECT_EQ(run(g, in, rank, 1), run(g, wide, padded, 1)) << "rank " << rank;
  }
}

}  // namespace
}  // namespace hearth
