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
  EXPECT_EQ(print(x / 64 * 64 + x % 64), "x");
  EXPECT_EQ(print((y * 8 + x / 64) * 64 + x % 64), "y * 512 + x");
  EXPECT_EQ(print((x / 64 + y) * 64 + x % 64), "y * 64 + x");
  EXPECT_EQ(print((y + x / 64) * 64 + y % 64), "(y + x / 64) * 64 + y % 64");
  EXPECT_EQ(print((y + x / 32) * 64 + x % 64), "(y + x / 32) * 64 + x % 64");
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

TEST(Fold, ADimBecomesItsExpression) {
  EXPECT_EQ(print(Expr(ceil_div(Dim::size("tokens"), 8) * 4 - 1)), "(size tokens + 7) / 8 * 4 - 1");
  EXPECT_EQ(print(Expr(min(Dim::size("a"), Dim::size("b")) % 3)), "min(size a, size b) % 3");
}

TEST(Rewrite, StatementsCanBeRemovedAndBuffersReplaced) {
  Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32), z = global_buffer("z", DType::f32);
  Stmt body = loop("i", size_expr("n"), LoopKind::serial,
                   block({store(y, var("i"), load(x, var("i"))), store(x, 0, load(x, 1))}));
  Stmt kept =
      rewrite(body, {}, [&](const Stmt& s) { return s->kind == StmtKind::store && s->buffer == x ? nullptr : s; });
  EXPECT_EQ(print(kept), "serial i < size n {\n  y[i] = x[i];\n}\n");
  EXPECT_EQ(print(replace_buffers(kept, {{x, z}, {y, x}})), "serial i < size n {\n  x[i] = z[i];\n}\n");
  EXPECT_EQ(sizes_used(body), std::set<std::string>{"n"});
  Stmt same = rewrite(body, [](const Expr& e) { return e; });
  EXPECT_EQ(same, body);  // what does not change is shared
}

TEST(Rewrite, ASharedSubexpressionIsVisitedOnce) {
  Expr e = var("x", {DType::f32});
  for (int i = 0; i < 60; i++) e = e + e;
  int visits = 0;
  Expr done = rewrite(e, [&](const Expr& part) {
    visits++;
    return part->kind == ExprKind::var ? var("y", part->type) : part;
  });
  EXPECT_EQ(visits, 61);
  EXPECT_EQ(free_vars(done), std::set<std::string>{"y"});
}

TEST(Build, BadOperandsAreOurOwnBug) {
  Expr f = var("f", {DType::f32}), i = var("i");
  EXPECT_DEATH((void)(f + var("h", {DType::f16})), "want one type");
  EXPECT_DEATH((void)(f & f), "not defined for f32");
  EXPECT_DEATH((void)reduce(BinaryOp::add, var("v", {DType::f32, 3})), "power of two");
  EXPECT_DEATH((void)load(global_buffer("b", DType::u8), f), "want i64");
  EXPECT_DEATH((void)bitcast({DType::f32, 2}, f), "bits must agree");
  EXPECT_DEATH((void)loop("i", f, LoopKind::serial, block({})), "no i64");
}

}  // namespace
}  // namespace hearth
