// Compile time: 25 matmul-like kernels, fully unrolled tiles and all, must not keep a person waiting.
#include <chrono>

#include "native_run.h"

namespace hearth {
namespace {

// 8 rows of x by one panel of 4-bit weights: integer dots within a block of 32, scales outside.
Kernel block_dot(const std::string& name, int lanes) {
  constexpr int kRows = 8;
  const Buffer w = global_buffer("w", DType::u8), s = global_buffer("s", DType::f32), x = global_buffer("x", DType::i8);
  const Buffer xs = global_buffer("xs", DType::f32), y = global_buffer("y", DType::f32);
  const Buffer acc = local_buffer("acc", DType::f32, lanes * kRows),
               sum = local_buffer("sum", DType::i32, lanes * kRows);
  const Expr p = var("p"), b = var("b"), j = var("j"), r = var("r"), blocks = size_expr("k") / 32;
  const Type bytes{DType::u8, lanes * 4};
  const Expr place = ramp(r * lanes, 1, lanes);
  const auto rows = [&](Stmt body) { return loop("r", kRows, LoopKind::unrolled, std::move(body)); };
  const Expr weights = load(w, ramp(((p * blocks + b) * 8 + j) * (lanes * 4), 1, lanes * 4)) & constant_int(bytes, 15);
  const Expr quads = broadcast(load(x, ramp((r * blocks + b) * 32 + j * 4, 1, 4)), lanes);
  const Stmt dots = let("wv", weights, rows(store(sum, place, dot4(load(sum, place), var("wv", bytes), quads))));
  const Expr scale = load(s, ramp((p * blocks + b) * lanes, 1, lanes)) * broadcast(load(xs, r * blocks + b), lanes);
  const Stmt scaled = rows(store(acc, place, fma(cast(DType::f32, load(sum, place)), scale, load(acc, place))));
  const Stmt block_body = block(
      {rows(store(sum, place, constant_int({DType::i32, lanes}, 0))), loop("j", 8, LoopKind::unrolled, dots), scaled});
  const Stmt out = rows(store(y, ramp(r * size_expr("n") + p * lanes, 1, lanes), load(acc, place)));
  Kernel kernel;
  kernel.name = name;
  kernel.params = {{w, Access::read}, {s, Access::read}, {x, Access::read}, {xs, Access::read}, {y, Access::write}};
  kernel.extent = Dim::size("n") / lanes;
  kernel.body = loop("p", size_expr("n") / lanes, LoopKind::parallel,
                     alloc(acc, block({rows(store(acc, place, constant({DType::f32, lanes}, 0))),
                                       loop("b", blocks, LoopKind::serial, alloc(sum, block_body)), out})));
  return kernel;
}

TEST(CompileTime, TwentyFiveMatmuls) {
  const auto target = find_target("x86-64-v4-vnni");
  ASSERT_TRUE(target.ok()) << target.message();
  Program program;
  program.sizes = {{"n", 1, 1 << 20}, {"k", 32, 1 << 20}};
  for (int i = 0; i < 25; ++i) program.kernels.push_back(block_dot(fmt::format("matmul{}", i), target->lanes_f32()));
  const auto start = std::chrono::steady_clock::now();
  const auto code = emit(program, *target, 4);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_TRUE(code.ok()) << code.message();
  RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
  fmt::print("25 kernels: {:.0f} ms, {} bytes\n", seconds * 1000, code->bytes.size());
  EXPECT_LT(seconds, 10) << "1.5 s is the aim on four free cores";
}

TEST(CompileTime, TheSameProgramGivesTheSameBytes) {
  Program program;
  program.sizes = {{"n", 1, 1 << 20}, {"k", 32, 1 << 20}};
  for (int i = 0; i < 4; ++i) program.kernels.push_back(block_dot(fmt::format("matmul{}", i), 8));
  const auto once = emit(program, *find_target("x86-64-v3"), 1), again = emit(program, *find_target("x86-64-v3"), 4);
  ASSERT_TRUE(once.ok() && again.ok());
  EXPECT_EQ(once->bytes, again->bytes);
}

}  // namespace
}  // namespace hearth
