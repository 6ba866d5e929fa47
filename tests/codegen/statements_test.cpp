// Statements and memory, natively and interpreted: masks, gathers, locals, loops of each kind, sizes, and refusals.
#include "native_run.h"

namespace hearth {
namespace {

constexpr Type kF32x8{DType::f32, 8};

Expr f32(double value) { return constant({DType::f32, 1}, value); }

Trial make_trial(std::string name, std::vector<KernelParam> params, std::vector<int64_t> elements, int64_t iterations, Stmt body) {
  Trial trial;
  trial.kernel.name = std::move(name);
  trial.kernel.params = std::move(params);
  trial.kernel.extent = iterations;
  trial.kernel.body = loop("i", iterations, LoopKind::parallel, std::move(body));
  trial.iterations = iterations;
  trial.elements = std::move(elements);
  return trial;
}

// The last lanes of the last vectors lie outside of both buffers.
Trial masked_copy(DType dtype, int lanes) {
  const Buffer x = global_buffer("x", dtype), y = global_buffer("y", dtype);
  const int64_t elements = 4 * lanes - lanes / 2 - 1;
  const Expr index = ramp(var("i") * lanes, 1, lanes);
  const Expr mask = index < broadcast(Expr(elements), lanes);
  return make_trial(fmt::format("copy_{}x{}", name_of(dtype), lanes), {{x, Access::read}, {y, Access::read_write}},
                    {elements, elements}, 4, store(y, index, load(x, index, mask), mask));
}

TEST(Memory, MasksKeepOutOfBuffers) {
  Trials trials;
  for (const DType dtype : {DType::f32, DType::u8, DType::i16, DType::f16, DType::bf16, DType::i64, DType::boolean})
    for (const int lanes : {2, 5, 8, 16, 64}) trials.trials.push_back(masked_copy(dtype, lanes));
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32);
  const Expr i = var("i"), inside = i < Expr(5);
  trials.trials.push_back(make_trial("scalar", {{x, Access::read}, {y, Access::read_write}}, {5, 5}, 9,
                                     store(y, i, load(x, i, inside) + load(x, Expr(4) - i, Expr(0) <= Expr(4) - i), inside)));
  const Expr random = load(y, ramp(i * 8, 1, 8)) < load(x, ramp(i * 8, 1, 8));
  trials.trials.push_back(make_trial("data", {{x, Access::read}, {y, Access::read_write}}, {80, 80}, 10,
                                     store(y, ramp(i * 8, 1, 8), load(x, ramp(i * 8, 1, 8), random), random)));
  expect_agreement(trials);
}

TEST(Memory, GathersAndScatters) {
  Trials trials;
  const Expr i = var("i");
  for (const DType dtype : {DType::f32, DType::u8, DType::f16, DType::bf16, DType::i64, DType::boolean}) {
    const Buffer x = global_buffer("x", dtype), y = global_buffer("y", dtype), at = global_buffer("at", DType::u8);
    const Expr where = cast(DType::i64, load(at, ramp(i * 8, 1, 8)));
    const Expr mask = where < broadcast(Expr(100), 8);
    trials.trials.push_back(make_trial(fmt::format("gather_{}", name_of(dtype)),
                                       {{x, Access::read}, {at, Access::read}, {y, Access::write}}, {256, 64, 64}, 8,
                                       store(y, ramp(i * 8, 1, 8), load(x, where))));
    trials.trials.push_back(make_trial(fmt::format("masked_gather_{}", name_of(dtype)),
                                       {{x, Access::read}, {at, Access::read}, {y, Access::write}}, {100, 64, 64}, 8,
                                       store(y, ramp(i * 8, 1, 8), load(x, where, mask))));
    trials.trials.push_back(make_trial(fmt::format("scatter_{}", name_of(dtype)),
                                       {{x, Access::read}, {y, Access::read_write}}, {64, 256}, 8,
                                       store(y, ramp(i, 8, 8), load(x, ramp(Expr(63) - i * 8, -1, 8)))));
    trials.trials.push_back(make_trial(fmt::format("masked_scatter_{}", name_of(dtype)),
                                       {{x, Access::read}, {y, Access::read_write}}, {64, 40}, 8,
                                       store(y, ramp(i, 8, 8), load(x, ramp(i * 8, 1, 8)),
                                             ramp(i, 8, 8) < broadcast(Expr(40), 8))));
  }
  expect_agreement(trials, 2);
}

TEST(Memory, BytesReadAsOtherTypes) {
  Trials trials;
  const Expr i = var("i");
  const Buffer bytes = global_buffer("bytes", DType::u8), words = global_buffer("words", DType::u8);
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::i8, DType::u16, DType::i64}) {
    const int width = bytes_of(dtype);
    trials.trials.push_back(make_trial(fmt::format("as_{}", name_of(dtype)), {{bytes, Access::read}, {words, Access::write}},
                                       {4 * 8 * width, 4 * 8 * width}, 4,
                                       store(words, ramp(i * 8, 1, 8), load_as({dtype, 8}, bytes, ramp(i * 8, 1, 8)))));
    trials.trials.push_back(make_trial(fmt::format("scalar_index_{}", name_of(dtype)),
                                       {{bytes, Access::read}, {words, Access::write}}, {4 * 8 * width, 4 * 8 * width}, 4,
                                       store(words, i * 8, load_as({dtype, 8}, bytes, i * 8))));
  }
  // A block of 18 bytes: its f16 scale lies at any even address, its bytes behind it.
  const Buffer out = global_buffer("out", DType::f32);
  const Expr scale = cast(DType::f32, load_as({DType::f16, 1}, bytes, i * 9));
  const Expr quants = cast(DType::f32, load_as({DType::i8, 16}, bytes, ramp(i * 18 + 2, 1, 16)));
  trials.trials.push_back(make_trial("blocks", {{bytes, Access::read}, {out, Access::write}}, {18 * 6, 16 * 6}, 6,
                                     store(out, ramp(i * 16, 1, 16), quants * scale)));
  expect_agreement(trials, 3);
}

// acc[r] over a serial loop, with vector accesses of the local at constant or changing places, whole or in parts.
Trial accumulate(LoopKind rows_kind, bool by_lanes) {
  constexpr int kRows = 4, kLanes = 8;
  const Buffer x = global_buffer("x", DType::f32), w = global_buffer("w", DType::f32), y = global_buffer("y", DType::f32);
  const Buffer acc = local_buffer("acc", DType::f32, kRows * kLanes);
  const Expr i = var("i"), r = var("r"), k = var("k"), depth = size_expr("depth");
  const Expr place = ramp(r * kLanes, 1, kLanes);
  const Stmt zero = loop("r", kRows, rows_kind, store(acc, place, constant(kF32x8, 0)));
  const Expr product = fma(broadcast(load(x, r * depth + k), kLanes), load(w, ramp((i * depth + k) * kLanes, 1, kLanes)),
                           load(acc, place));
  const Stmt step = loop("k", depth, LoopKind::serial, loop("r", kRows, rows_kind, store(acc, place, product)));
  const Expr l = var("l");
  const Stmt out_whole = loop("r", kRows, rows_kind, store(y, ramp((i * kRows + r) * kLanes, 1, kLanes), load(acc, place)));
  const Stmt out_lanes = loop("l", kRows * kLanes, LoopKind::unrolled, store(y, i * (kRows * kLanes) + l, load(acc, l)));
  const std::string name = fmt::format("accumulate_{}_{}", static_cast<int>(rows_kind), by_lanes ? "lanes" : "whole");
  return make_trial(name, {{x, Access::read}, {w, Access::read}, {y, Access::write}},
                    {kRows * 13, 5 * 13 * kLanes, 5 * kRows * kLanes}, 5,
                    alloc(acc, block({zero, step, by_lanes ? out_lanes : out_whole})));
}

TEST(Statements, LocalsInLoops) {
  Trials trials;
  trials.sizes = {{"unused", 0, 3}, {"depth", 1, 100}};
  trials.size_values = {2, 13};
  for (const LoopKind kind : {LoopKind::unrolled, LoopKind::serial, LoopKind::vector})
    for (const bool by_lanes : {false, true}) trials.trials.push_back(accumulate(kind, by_lanes));
  expect_agreement(trials, 4);
}

TEST(Statements, MaskedLocals) {
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32), t = local_buffer("t", DType::f32, 20);
  const Expr i = var("i"), place = ramp(Expr(8), 1, 8), source = ramp(i * 8, 1, 8);
  const Expr mask = load(x, source) < constant(kF32x8, 0.5);
  const Expr beyond = ramp(Expr(16), 1, 8) < broadcast(Expr(20), 8);
  const Stmt body = block({store(t, ramp(Expr(0), 1, 8), constant(kF32x8, 1)), store(t, place, constant(kF32x8, 2)),
                           store(t, ramp(Expr(16), 1, 4), constant({DType::f32, 4}, 3)), store(t, place, load(x, source), mask),
                           store(t, ramp(Expr(16), 1, 8), load(x, source), beyond),
                           store(y, source, load(t, place, mask) + load(t, ramp(Expr(16), 1, 8), beyond))});
  Trials trials;
  trials.trials.push_back(make_trial("masked_locals", {{x, Access::read}, {y, Access::write}}, {48, 48}, 6, alloc(t, body)));
  expect_agreement(trials, 5);
}

TEST(Statements, WhenLetAndNestedLoops) {
  const Buffer x = global_buffer("x", DType::i32), y = global_buffer("y", DType::i32);
  const Expr i = var("i"), j = var("j"), n = size_expr("n"), v = var("v", {DType::i32, 1});
  const Expr zero = constant_int({DType::i32, 1}, 0);
  const Stmt choose = when(v < zero, store(y, i * n + j, v - constant_int({DType::i32, 1}, 7)),
                           when(i == j, store(y, i * n + j, v * v), store(y, i * n + j, v)));
  const Stmt inner = let("v", load(x, i * n + j), choose);
  Trials trials;
  trials.sizes = {{"n", 0, 100}};
  trials.size_values = {7};
  trials.trials.push_back(make_trial("choose", {{x, Access::read}, {y, Access::write}}, {63, 63}, 9,
                                     loop("j", n, LoopKind::serial, inner)));
  trials.trials.push_back(make_trial("never", {{x, Access::read}, {y, Access::read_write}}, {63, 63}, 9,
                                     loop("j", n - Expr(7), LoopKind::serial, inner)));
  trials.trials.push_back(make_trial("half", {{x, Access::read}, {y, Access::read_write}}, {63, 63}, 9,
                                     loop("j", n / 2, LoopKind::parallel, when(i % 3 == Expr(1), inner))));
  Trial outside = make_trial("let_outside", {{x, Access::read}, {y, Access::write}}, {63, 63}, 9,
                             loop("j", n, LoopKind::serial, store(y, i * n + j, load(x, i * n + j) + v)));
  outside.kernel.body = let("v", load(x, n - Expr(1)), outside.kernel.body);
  trials.trials.push_back(outside);
  expect_agreement(trials, 6);
}

TEST(Statements, AStoreIsSeenByTheNextStatement) {
  const Buffer y = global_buffer("y", DType::f32);
  const Expr i = var("i"), value = load(y, i) + f32(1);      // one node, evaluated anew in each statement
  Trials trials;
  trials.trials.push_back(make_trial("again", {{y, Access::read_write}}, {8}, 8, block({store(y, i, value), store(y, i, value)})));
  expect_agreement(trials, 7);
}

TEST(Emit, TheSameBufferGivenTwiceMayBeWrittenInPlace) {
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32);
  const Expr i = var("i");
  Program program;
  program.buffers = {{"memory", DType::f32, 64, Role::state}};
  Kernel kernel;
  kernel.name = "shift";
  kernel.params = {{x, Access::read}, {y, Access::write}};
  kernel.extent = 1;
  kernel.body = loop("i", 1, LoopKind::parallel, loop("j", 8, LoopKind::serial, store(y, var("j") + 1, load(x, var("j")) + load(x, i))));
  program.kernels = {kernel};
  program.launches = {{{{"shift", 0, 0, 0}}, {"memory", "memory"}}};
  const auto target = find_target("native");
  if (!target.ok()) GTEST_SKIP() << target.message();
  const auto code = emit(program, *target, 1);
  ASSERT_TRUE(code.ok()) << code.message();
  const auto native = NativeCode::load(code->bytes);
  ASSERT_TRUE(native.ok()) << native.message();
  float memory[9] = {1};
  void* buffers[2] = {memory, memory};
  native->find_as<KernelFn>("shift")(buffers, nullptr, 0, 1);
  for (int k = 0; k < 9; ++k) EXPECT_EQ(memory[k], static_cast<float>(k + 1));
}

std::string refusal(Stmt body) {
  const Buffer y = global_buffer("y", DType::f32);
  Trials trials;
  trials.trials.push_back(make_trial("k", {{y, Access::write}}, {8}, 8, std::move(body)));
  const auto code = emit(program_of(trials), *find_target("x86-64-v3"), 2);
  return code.ok() ? "" : code.message();
}

TEST(Emit, WhatACpuCannotRunIsNamed) {
  const Buffer y = global_buffer("y", DType::f32);
  StmtNode barrier{.kind = StmtKind::barrier};
  StmtNode call{.kind = StmtKind::extern_call, .name = "sgemm"};
  EXPECT_NE(refusal(std::make_shared<const StmtNode>(barrier)).find("codegen: kernel 'k': got a barrier"), std::string::npos);
  EXPECT_NE(refusal(std::make_shared<const StmtNode>(call)).find("'sgemm'"), std::string::npos);
  EXPECT_NE(refusal(loop("t", 8, LoopKind::thread, std::make_shared<const StmtNode>(call))).find("GPU axis"), std::string::npos);
  EXPECT_NE(refusal(store(y, Expr(0), f32(1))).find("no parameter"), std::string::npos);
  for (const auto& [op, name] : {std::pair{UnaryOp::exp, "exp"}, {UnaryOp::erf, "erf"}, {UnaryOp::tanh, "tanh"}}) {
    const Buffer t = local_buffer("t", DType::f32, 1);
    const Stmt body = alloc(t, block({store(t, Expr(0), f32(1)), store(t, Expr(0), unary(op, load(t, Expr(0))))}));
    EXPECT_NE(refusal(body).find(std::string("got ") + name + ","), std::string::npos);
  }
  EXPECT_FALSE(emit(Program{}, *find_target("x86-64-v3"), 1).ok());
}

TEST(NativeCode, BadBytesAreErrors) {
  EXPECT_FALSE(NativeCode::load({}).ok());
  EXPECT_FALSE(NativeCode::load(as_bytes("not an ELF file at all")).ok());
  const auto broken = NativeCode::load(as_bytes("\x7f" "ELF and nothing else"));
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.message().find("native code:"), std::string::npos);
}

}  // namespace
}  // namespace hearth
