// Statements and memory natively and interpreted, random kernels, and what emit refuses.
#include "trials.h"

namespace hearth {
namespace {

Expr f32(double value) { return constant({DType::f32, 1}, value); }

TEST(Statements, Memory) { expect_agreement(memory_trials(), 11); }
TEST(Statements, LoopsAndLocals) { expect_agreement(statement_trials(), 12); }
TEST(Statements, RandomKernels) { expect_agreement(random_trials(150, 13), 13); }

TEST(Emit, TheSameBufferGivenTwiceMayBeWrittenInPlace) {
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32);
  const Expr i = var("i");
  Program program;
  program.buffers = {{"memory", DType::f32, 64, Role::state}};
  Kernel kernel;
  kernel.name = "shift";
  kernel.params = {{x, Access::read}, {y, Access::write}};
  kernel.extent = 1;
  kernel.body = loop("i", 1, LoopKind::parallel,
                     loop("j", 8, LoopKind::serial, store(y, var("j") + 1, load(x, var("j")) + load(x, i))));
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
  trials.trials.push_back(parallel_trial("k", {{y, Access::write}}, {8}, 8, std::move(body)));
  const auto code = emit(program_of(trials), *find_target("x86-64-v3"), 2);
  return code.ok() ? "" : code.message();
}

TEST(Emit, WhatACpuCannotRunIsNamed) {
  const Buffer y = global_buffer("y", DType::f32);
  StmtNode barrier{.kind = StmtKind::barrier};
  StmtNode call{.kind = StmtKind::extern_call, .name = "sgemm"};
  EXPECT_NE(refusal(std::make_shared<const StmtNode>(barrier)).find("codegen: kernel 'k': got a barrier"),
            std::string::npos);
  EXPECT_NE(refusal(std::make_shared<const StmtNode>(call)).find("'sgemm'"), std::string::npos);
  EXPECT_NE(refusal(loop("t", 8, LoopKind::thread, std::make_shared<const StmtNode>(call))).find("GPU axis"),
            std::string::npos);
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
  const auto broken =
      NativeCode::load(as_bytes("\x7f"
                                "ELF and nothing else"));
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.message().find("native code:"), std::string::npos);
}

}  // namespace
}  // namespace hearth
