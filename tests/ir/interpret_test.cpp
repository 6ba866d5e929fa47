// The interpreter against values worked out by hand.
#include "ir/interpret.h"

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>

#include "ir/rewrite.h"
#include "ir/text.h"

namespace hearth {
namespace {

template <class T>
std::span<std::byte> bytes(std::vector<T>& v) {
  return std::as_writable_bytes(std::span<T>(v));
}

// Runs `body` in a kernel with f32 in `a`, f32 out `y`, i32 in/out `i`, u8 in/out `b`.
struct Runner {
  std::vector<float> a = std::vector<float>(16), y = std::vector<float>(16);
  std::vector<int32_t> i = std::vector<int32_t>(16);
  std::vector<uint8_t> b = std::vector<uint8_t>(64);
  std::map<std::string, int64_t> sizes = {{"n", 5}};

  std::string operator()(const std::string& body) {
    auto kernel = parse_kernel(
        "kernel k(read a f32, read_write y f32, read_write i i32, read_write b u8) extent 1 { parallel t < 1 {" + body +
        "} }");
    if (!kernel.ok()) return kernel.message();
    auto verified = verify(*kernel);
    if (!verified.ok()) return verified.message();
    std::span<std::byte> buffers[] = {bytes(a), bytes(y), bytes(i), bytes(b)};
    auto done = interpret(*kernel, buffers, sizes, 0, 1);
    return done.ok() ? "fine" : done.message();
  }
};

TEST(Interpret, LoopsLetsAndSizes) {
  Runner run;
  ASSERT_EQ(run("serial k < size n { let s i64 = k * k; i[k] = cast(i32, s - 4); } alloc l i32 [2]; l[1] = 7i32; i[9] "
                "= l[1] + i[4];"),
            "fine");
  EXPECT_EQ(run.i, (std::vector<int32_t>{-4, -3, 0, 5, 12, 0, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0}));
}

TEST(Interpret, IntegersWrapAndDivideDownward) {
  Runner run;
  run.i = {-7, 2, INT32_MAX, INT32_MIN, -1, 3};
  run.i.resize(16);
  ASSERT_EQ(
      run("i[6] = i[0] / i[1]; i[7] = i[0] % i[1]; i[8] = i[2] + 1i32; i[9] = i[3] / i[4]; i[10] = i[3] % i[4];"
          "i[11] = i[0] >> i[1]; i[12] = cast(i32, cast(u32, i[0]) >> 28u32); i[13] = i[5] << 31i32; i[14] = abs(i[3]);"
          "i[15] = cast(i32, cast(i8, 200i32 + i[1]));"),
      "fine");
  EXPECT_EQ(run.i, (std::vector<int32_t>{-7, 2, INT32_MAX, INT32_MIN, -1, 3, -4, 1, INT32_MIN, INT32_MIN, 0, -2, 15,
                                         INT32_MIN, INT32_MIN, -54}));
}

TEST(Interpret, FloatsRoundOnceAndCastsSaturate) {
  Runner run;
  float third = 1.0f / 3.0f;
  run.a = {third, 3.0f, 1e20f, -1e20f, NAN, 2.5f, -0.0f, 65520.0f, 1.0009765625f};
  run.a.resize(16);
  ASSERT_EQ(
      run("y[0] = fma(a[0], a[1], -1f32); y[1] = a[0] * a[1] - 1f32; y[2] = round_even(a[5]); y[3] = min(a[4], a[5]);"
          "y[4] = max(a[5], a[4]); y[5] = cast(f32, cast(f16, a[7])); y[6] = cast(f32, cast(bf16, a[8])); y[7] = a[6] "
          "+ 0f32;"
          "y[8] = exp(a[1]); y[9] = floor(-a[5]); y[10] = cast(f32, cast(f16, a[0]) * cast(f16, a[1]));"
          "i[0] = cast(i32, a[2]); i[1] = cast(i32, a[3]); i[2] = cast(i32, a[4]); i[3] = cast(i32, cast(u8, a[3]));"
          "i[4] = cast(i32, cast(i8, -a[5])); i[5] = cast(i32, cast(i8, a[2])); i[6] = select(a[4] == a[4], 1i32, "
          "2i32); i[7] = bitcast(i32, 1f32);"),
      "fine");
  EXPECT_EQ(run.y[0], std::fma(third, 3.0f, -1.0f));
  EXPECT_NE(run.y[0], 0.0f);
  EXPECT_EQ(run.y[1], 0.0f);
  EXPECT_EQ(run.y[2], 2.0f);
  EXPECT_EQ(run.y[3], 2.5f);
  EXPECT_TRUE(std::isnan(run.y[4]));
  EXPECT_TRUE(std::isinf(run.y[5]));
  EXPECT_EQ(run.y[6], 1.0f);
  EXPECT_EQ(std::bit_cast<uint32_t>(run.y[7]), 0u);
  EXPECT_EQ(run.y[8], std::exp(3.0f));
  EXPECT_EQ(run.y[9], -3.0f);
  EXPECT_EQ(run.y[10], f16_to_f32(f32_to_f16(f16_to_f32(f32_to_f16(third)) * 3.0f)));
  run.i.resize(8);
  EXPECT_EQ(run.i, (std::vector<int32_t>{INT32_MAX, INT32_MIN, 0, 0, -2, 127, 2, 0x3f800000}));
}

TEST(Interpret, VectorsGatherScatterAndMasks) {
  Runner run;
  for (int k = 0; k < 16; k++) run.a[k] = static_cast<float>(k);
  ASSERT_EQ(run("y[0] = a:f32x4[2] + a[ramp(0, 3, 4)]; y[ramp(15, -2, 4)] = interleave(a:f32x2[1], 2);"
                "y[4 where a:f32x4[0] < 2f32x4] = broadcast(a:f32x2[6], 2); y[8] = reduce_max(a:f32x8[3 where "
                "a:f32x8[0] < 2f32x8]);"),
            "fine");
  EXPECT_EQ(run.y, (std::vector<float>{2, 6, 10, 14, 6, 7, 0, 0, 4, 2, 0, 2, 0, 1, 0, 1}));
}

TEST(Interpret, ReduceFoldsHalves) {
  Runner run;
  std::mt19937 random(1);
  for (float& f : run.a) f = std::ldexp(static_cast<float>(random()), -20 - static_cast<int>(random() % 20));
  ASSERT_EQ(run("y[0] = reduce_add(a:f32x8[0]);"), "fine");
  const auto& a = run.a;
  EXPECT_EQ(run.y[0], ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7])));
}

TEST(Interpret, Dot2AddsTheOddProductFirstAndKnowsNoDenormals) {
  Runner run;
  const auto one = [&](float acc, float a0, float b0, float a1, float b1) {
    run.a[0] = acc;
    const float values[] = {a0, a1, b0, b1};
    for (int k = 0; k < 4; k++) {
      const uint32_t bits = std::bit_cast<uint32_t>(values[k]) >> 16;
      run.b[2 * k] = static_cast<uint8_t>(bits);
      run.b[2 * k + 1] = static_cast<uint8_t>(bits >> 8);
    }
    EXPECT_EQ(run("y[0] = dot2(a[0], b:bf16x2[0], b:bf16x2[2]);"), "fine");
    return run.y[0];
  };
  EXPECT_EQ(one(1, 2, 3, 4, 5), 27);
  EXPECT_EQ(one(0x1p24f, -0x1p12f, 0x1p12f, 1, 1), 0);          // 2^24 + 1 rounds to 2^24 before the even product comes
  EXPECT_EQ(one(0x1p24f, 1, 1, -0x1p12f, 0x1p12f), 1);
  EXPECT_EQ(one(0x1p-130f, 1, 0x1p-130f, 0, 0), 0);             // denormal operands
  EXPECT_EQ(one(0, 0x1p-70f, 0x1p-70f, 0, 0), 0);               // a denormal product
  EXPECT_EQ(one(0x1p-126f, -0x1p-75f, 0x1p-75f, 0, 0), 0);      // rounds to 2^-126 as a denormal only
  EXPECT_EQ(one(0x1p-126f, -0x1p-76f, 0x1p-75f, 0, 0), 0x1p-126f);
  EXPECT_TRUE(std::signbit(one(-0x1p-126f, 0x1p-75f, 0x1p-75f, 0, 0)));
}

TEST(Interpret, Dot2OfIntegersWraps) {
  Runner run;
  const auto one = [&](int acc, int16_t a0, int16_t b0, int16_t a1, int16_t b1) {
    const int16_t values[] = {a0, a1, b0, b1};
    std::memcpy(&run.b[0], values, sizeof values);
    EXPECT_EQ(run(fmt::format("y[0] = bitcast(f32, dot2({}i32, b:i16x2[0], b:i16x2[2]));", acc)), "fine");
    return std::bit_cast<int32_t>(static_cast<float>(run.y[0]));
  };
  EXPECT_EQ(one(7, 2, 3, -4, 5), 7 + 6 - 20);
  EXPECT_EQ(one(-1, 32767, 32767, 32767, 32767), 2147352577);
  EXPECT_EQ(one(0, -32768, -32768, -32768, -32768), std::numeric_limits<int32_t>::min());
}

TEST(Interpret, Dot4AndWiderElements) {
  Runner run;
  for (int k = 0; k < 64; k++) run.b[k] = static_cast<uint8_t>(200 + 3 * k);
  run.i[0] = 5;
  run.i[1] = -6;
  ASSERT_EQ(run("i[2] = dot4(i:i32x2[0], b:u8x8[0], b:i8x8[8]); i[4] = dot4(i:i32x2[0], b:i8x8[0], b:i8x8[8]); y[0] = "
                "cast(f32, b:f16[3]); b[0] = cast(f16, 1f32);"),
            "fine");
  for (int lane = 0; lane < 2; lane++) {
    int32_t mixed = run.i[lane], both = run.i[lane];
    for (int k = 4 * lane; k < 4 * lane + 4; k++) {
      int32_t x = static_cast<uint8_t>(200 + 3 * k), w = static_cast<int8_t>(200 + 3 * (k + 8));
      mixed += x * w;
      both += static_cast<int8_t>(x) * w;
    }
    EXPECT_EQ(run.i[2 + lane], mixed);
    EXPECT_EQ(run.i[4 + lane], both);
  }
  EXPECT_EQ(run.b[0] | run.b[1] << 8, f32_to_f16(1.0f));
}

TEST(Interpret, EveryAccessIsChecked) {
  Runner run;
  EXPECT_EQ(run("y[16] = 1f32;"), "kernel 'k': 'y': got index 16, want less than 16 elements of 4 bytes");
  EXPECT_EQ(run("y[0] = a[size n - 6];"), "kernel 'k': 'a': got index -1, want less than 16 elements of 4 bytes");
  EXPECT_EQ(run("y[13] = a:f32x4[0];"),
            "kernel 'k': 'y': got index 13 and 4 lanes from there, want less than 16 elements of 4 bytes");
  EXPECT_EQ(run("y[0] = a[ramp(size n, 4, 4)];"),
            "kernel 'k': 'a': got index 17, want less than 16 elements of 4 bytes");
  EXPECT_EQ(run("y[13 where ramp(0, 1, 4) < 3i64x4] = a:f32x4[0];"), "fine");
  EXPECT_EQ(run("y[0] = a:f32x4[9223372036854775807 where ramp(0, 1, 4) == 9i64x4];"), "fine");
  EXPECT_EQ(run("y[0] = a:f32x4[9223372036854775807];").find("kernel 'k': 'a': got index 9223372036854775807"), 0u);
  EXPECT_EQ(run("alloc l f32 [4]; y[0] = l[size n];"),
            "kernel 'k': 'l': got index 5, want less than 4 elements of 4 bytes");
  EXPECT_EQ(run("i[0] = i[1] / i[2];"), "kernel 'k': a division by zero, or a shift by a negative or too large amount");
  EXPECT_EQ(run("i[0] = 1i32 << i[1] + 32i32;"),
            "kernel 'k': a division by zero, or a shift by a negative or too large amount");
  EXPECT_EQ(run("y[0] = cast(f32, size m);"), "kernel 'k': size 'm' has no value");
}

TEST(Interpret, WhatItCannotRunItNames) {
  Runner run;
  EXPECT_EQ(run("call sgemm(t);"), "kernel 'k': the interpreter has no library 'sgemm'");
}

TEST(Interpret, ALocalBufferStartsUndefined) {
  Runner run;
  ASSERT_EQ(run("alloc l f32 [2]; l[0] = 1f32; y[0] = l[0]; y[1] = l[1];"), "fine");
  EXPECT_EQ(run.y[0], 1.0f);
  EXPECT_TRUE(std::isnan(run.y[1]));
}

TEST(Interpret, AProgramChoosesVariantsAndMakesScratch) {
  auto program = parse_program(R"(
size n in [1, 8]
buffer x f32 [n] input
buffer t f32 [n] scratch
buffer y f32 [n] output
kernel one(read a f32, write b f32) extent 1 { parallel i < 1 { b[0] = a[0] * 10f32; } }
kernel many(read a f32, write b f32) extent n { parallel i < size n { b[i] = a[i] + 1f32; } }
launch one when n in [1, 1] else many (x, t)
launch many (t, y)
)");
  ASSERT_TRUE(program.ok()) << program.message();
  ASSERT_TRUE(verify(*program).ok()) << verify(*program).message();
  auto run = [&](std::vector<float> x, int64_t n) {
    std::map<std::string, std::vector<std::byte>> memory;
    memory["x"].assign(bytes(x).begin(), bytes(x).end());
    auto done = interpret(*program, {{"n", n}}, memory);
    if (!done.ok()) return done.message();
    std::string out;
    for (size_t k = 0; k < memory["y"].size() / 4; k++) {
      float f = 0;
      std::memcpy(&f, memory["y"].data() + 4 * k, 4);
      out += fmt::format("{} ", f);
    }
    return out;
  };
  EXPECT_EQ(run({2}, 1), "21 ");
  EXPECT_EQ(run({2, 3, 4}, 3), "4 5 6 ");
  EXPECT_EQ(run({2, 3, 4}, 4), "program: buffer 'x' got 12 bytes, want 16");
  EXPECT_EQ(run({2}, 9), "program: size 'n' is 9, want 1 to 8");
  program->kernels[1].extent = 2;
  EXPECT_EQ(run({2, 3, 4}, 3), "kernel 'many': its parallel loop runs to 3, its extent says 2");
}

TEST(Interpret, RunsOnlyTheIterationsAskedFor) {
  auto kernel = parse_kernel("kernel k(write y f32) extent 8 { let v f32 = 2f32; parallel t < 8 { y[t] = v; } }");
  ASSERT_TRUE(kernel.ok());
  std::vector<float> y(8);
  std::span<std::byte> buffers[] = {bytes(y)};
  ASSERT_TRUE(interpret(*kernel, buffers, {}, 3, 5).ok());
  EXPECT_EQ(y, (std::vector<float>{0, 0, 0, 2, 2, 0, 0, 0}));
  EXPECT_EQ(interpret(*kernel, buffers, {}, 3, 9).message(),
            "kernel 'k': got iterations [3, 9) of a parallel loop of 8");
  EXPECT_EQ(interpret(*kernel, {}, {}, 0, 8).message(), "kernel 'k': got 0 buffers, want 1");
}

// Folding must not change what an index means: the same formula with its variables unknown, and known from the start.
Expr random_index(std::mt19937& random, const std::vector<Expr>& leaves, int depth) {
  if (depth == 0)
    return random() % 2 ? leaves[random() % leaves.size()] : Expr(static_cast<int64_t>(random() % 40) - 8);
  Expr a = random_index(random, leaves, depth - 1);
  Expr positive(static_cast<int64_t>(1 + random() % 12));
  switch (random() % 9) {
    case 0:
      return a + random_index(random, leaves, depth - 1);
    case 1:
      return a - random_index(random, leaves, depth - 1);
    case 2:
      return a * Expr(static_cast<int64_t>(random() % 9) - 2);
    case 3:
      return a / positive;
    case 4:
      return a % positive;
    case 5:
      return min(a, random_index(random, leaves, depth - 1));
    case 6:
      return a & Expr(static_cast<int64_t>(random() % 64));
    case 7:
      return select(a < random_index(random, leaves, depth - 1), a, random_index(random, leaves, depth - 1));
    default:
      return (a << Expr(static_cast<int64_t>(random() % 3))) >> Expr(static_cast<int64_t>(random() % 3));
  }
}

TEST(Interpret, FoldingKeepsTheValue) {
  Buffer y = global_buffer("y", DType::i64);
  for (uint32_t seed = 0; seed < 20000; seed++) {
    std::mt19937 random(seed);
    int64_t u = static_cast<int64_t>(random() % 100) - 20, v = static_cast<int64_t>(random() % 100);
    std::vector<int64_t> out(2);
    std::span<std::byte> buffers[] = {bytes(out)};
    // Known values fold while building, without any algebra: every step is a constant.
    std::mt19937 twice[] = {std::mt19937(seed + 1), std::mt19937(seed + 1)};
    int depth = 1 + static_cast<int>(seed % 6);
    Expr unknown = random_index(twice[0], {var("u"), var("v")}, depth),
         known = random_index(twice[1], {Expr(u), Expr(v)}, depth);
    ASSERT_EQ(known->kind, ExprKind::constant);
    Stmt body = let("u", size_expr("u"), let("v", size_expr("v"), store(y, var("t"), unknown)));
    auto done = interpret(Kernel{"k", {{y, Access::write}}, 1, loop("t", 1, LoopKind::parallel, body)}, buffers,
                          {{"u", u}, {"v", v}}, 0, 1);
    ASSERT_TRUE(done.ok()) << done.message();
    ASSERT_EQ(out[0], known->integer) << print(unknown) << " with u = " << u << ", v = " << v;
  }
}

TEST(Interpret, IsQuickEnough) {
  auto kernel = parse_kernel(
      "kernel k(read a f32, read_write y f32) extent 1 { parallel t < 1 { serial r < 200 { serial k < 1000 {"
      " y[k] = fma(a[k], a[k + 1], y[k]) * 0.5f32 + a[k]; } } } }");
  ASSERT_TRUE(kernel.ok()) << kernel.message();
  std::vector<float> a(1001, 0.5f), y(1000);
  std::span<std::byte> buffers[] = {bytes(a), bytes(y)};
  auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(interpret(*kernel, buffers, {}, 0, 1).ok());
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  double rate = 200.0 * 1000 * 9 / seconds / 1e6;  // 4 loads, index add, fma, multiply, add, store
  RecordProperty("million_nodes_per_s", static_cast<int>(rate));
  fmt::print("{:.0f} million scalar nodes/s\n", rate);
  EXPECT_GT(rate, 1);  // a machine may be busy or sanitized; far less means a lookup crept into the inner loop
}

}  // namespace
}  // namespace hearth
