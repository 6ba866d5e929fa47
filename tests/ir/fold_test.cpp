// Building expressions: folding, typing and printing.
#include <gtest/gtest.h>

#include "ir/rewrite.h"
#include "ir/text.h"

namespace hearth {
namespace {

TEST(Fold, IndexArithmeticBecomesClean) {
  Expr x = var("x"), y = var("y");
  EXPECT_EQ(print(x + 0), "x");
  EXPECT_EQ(print(0 + x), "x");
  EXPECT_EQ(print(x * 1), "x");
  EXPECT_EQ(print(x * 0), "0");
  EXPECT_EQ(print((x + 1) + 2), "x + 3");
  EXPECT_EQ(print(3 + x), "x + 3");
  EXPECT_EQ(print(x * 2 * 8), "x * 16");
  EXPECT_EQ(print(x / 1), "x");
  EXPECT_EQ(print(x % 1), "0");
  EXPECT_EQ(print((x * 4) / 4), "x");
  EXPECT_EQ(print((x * 32 + y) / 32), "x + y / 32");
  EXPECT_EQ(print((x * 32 + y) % 32), "y % 32");
  EXPECT_EQ(print((x * 32 + 5) % 32), "5");
  EXPECT_EQ(print(x - 3), "x - 3");
  EXPECT_EQ(print((x - 3) + 3), "x");
  EXPECT_EQ(print((x + 1) * 4), "x * 4 + 4");
  EXPECT_EQ(print((x + 1) + (y + 2)), "x + y + 3");
  EXPECT_EQ(print(x - x), "0");
  EXPECT_EQ(print(Expr(-7) / 2), "-4");
  EXPECT_EQ(print(Expr(-7) % 2), "1");
  EXPECT_EQ(print(x / 4 / 8), "x / 32");
  EXPECT_EQ(print(x % 8 / 8), "0");
  EXPECT_EQ(print(x - (y - 1)), "x - y + 1");
  EXPECT_EQ(print(x - y * 2 - (y + 1)), "x - y * 2 - y - 1");
}

TEST(Fold, OtherIntegersAndBooleans) {
  Expr b = var("b", {DType::u8, 16});
  EXPECT_EQ(print(b >> 0), "b");
  EXPECT_EQ(print(constant_int({DType::u8, 16}, 0) & b), "0u8x16");
  EXPECT_EQ(print((b >> 4) & 15), "b >> 4u8x16 & 15u8x16");
  EXPECT_EQ(print((b & 15) & 3), "b & 3u8x16");
  EXPECT_EQ(print(b & 255), "b");
  EXPECT_EQ(print(constant_int({DType::i8}, 200)), "-56i8");
  EXPECT_EQ(print(Expr(3) < 4), "true");
  EXPECT_EQ(print(select(Expr(3) < 4, var("x"), var("y"))), "x");
  EXPECT_EQ(print(cast(DType::f32, Expr(3))), "3f32");
  EXPECT_EQ(print(broadcast(Expr(3), 4)), "3i64x4");
  EXPECT_EQ(print(interleave(constant({DType::f32}, 1.5), 4)), "1.5f32x4");
  EXPECT_EQ(print(ramp(var("x"), 1, 8) + 4), "ramp(x + 4, 1, 8)");
  EXPECT_EQ(print(ramp(var("x"), 1, 8) * 4), "ramp(x * 4, 4, 8)");
  EXPECT_EQ(print(unary(UnaryOp::logical_not, unary(UnaryOp::logical_not, var("p", {DType::boolean})))), "p");
}

TEST(Fold, FloatsKeepTheirBits) {
  Expr f = var("f", {DType::f32}), zero = constant({DType::f32}, 0), one = constant({DType::f32}, 1);
  EXPECT_EQ(print(f + zero), "f + 0f32");
  EXPECT_EQ(print(f * zero), "f * 0f32");
  EXPECT_EQ(print(f * one), "f");
  EXPECT_EQ(print(f / one), "f");
  EXPECT_EQ(print((f + one) + one), "f + 1f32 + 1f32");
  EXPECT_EQ(print(constant({DType::f32}, 0.1) * constant({DType::f32}, 3)), "0.3f32");
  EXPECT_EQ(print(zero / zero), "0f32 / 0f32");
  EXPECT_EQ(print(-zero), "-0f32");
}

TEST(Rewrite, SubstitutingARampMakesAVector) {
  Buffer x = global_buffer("x", DType::f32);
  Expr i = var("i"), value = load(x, i * 4 + 1) * constant({DType::f32}, 2);
  EXPECT_EQ(print(substitute(value, {{"i", ramp(0, 1, 8)}})), "x[ramp(1, 4, 8)] * 2f32x8");
}

TEST(Rewrite, SubstitutionStopsAtABinderAndRefusesCapture) {
  Buffer y = global_buffer("y", DType::i64);
  Stmt body = block({store(y, 0, var("i")), loop("i", 4, LoopKind::serial, store(y, var("i"), var("j")))});
  Stmt done = substitute(body, {{"i", Expr(7)}});
  EXPECT_EQ(print(done), "y[0] = 7;\nserial i < 4 {\n  y[i] = j;\n}\n");
  EXPECT_DEATH((void)substitute(body, {{"j", var("i") + 1}}), "capture");
  EXPECT_EQ(free_vars(body), (std::set<std::string>{"i", "j"}));
}

}  // namespace
}  // namespace hearth
