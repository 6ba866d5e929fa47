// The verifier: one broken law each.
#include <gtest/gtest.h>

#include "ir/text.h"

namespace hearth {
namespace {

struct Case {
  const char* text;
  const char* broken;  // a part of the message
};

std::string verify_text(const std::string& text) {
  auto program = parse_program(text);
  if (!program.ok()) return program.message();
  auto verified = verify(*program);
  return verified.ok() ? "fine" : verified.message();
}

std::string in_kernel(const std::string& body) {
  return "kernel k(read a f32, write y f32, read_write z u8) extent 4 { parallel t < 4 { " + body + " } }";
}

TEST(Verify, EachBrokenLawIsNamed) {
  const Case cases[] = {
      {"y[t] = a[t]; z[t] = z[t];", "fine"},
      {"z[t] = a[t];", "fine"},
      {"a[t] = 1f32;", "'a' is only read"},
      {"z[t] = cast(u8, y[t]);", "'y' is only written"},
      {"y[t] = cast(f32, a:f16[t]);", "'a' holds f32, not f16"},
      {"y[t] = 1i32;", "'y' holds f32, not i32"},
      {"alloc l f32 [4]; l[4] = 1f32;", "'l' has 4 elements, index 4 is outside"},
      {"alloc l f32 [4]; l[1] = a:f32x4[0];", "'l' has 4 elements, index 1 is outside"},
      {"alloc l f32 [4]; y[t] = l[-1];", "index -1 is outside"},
      {"parallel u < 4 { y[u] = 1f32; }", "a parallel loop inside a parallel loop"},
      {"thread u < 4 { y[u] = 1f32; }", "a thread loop outside a group loop"},
      {"prefetch a[t + 1000]; y[t] = a[t];", "fine"},
      {"barrier;", "a barrier outside a group loop"},
  };
  for (const Case& c : cases)
    EXPECT_NE(verify_text(in_kernel(c.text)).find(c.broken), std::string::npos) << c.text << "\n"
                                                                                << verify_text(in_kernel(c.text));
}

TEST(Verify, ProgramsAndLaunches) {
  const std::string kernel = "kernel k(read a f32, write y f32) extent n { parallel t < size n { y[t] = a[t]; } }\n";
  const std::string good = "size n in [1, 8] buffer x f32 [n] weight buffer y f32 [n] output " + kernel;
  const Case cases[] = {
      {"launch k (x, y)", "fine"},
      {"launch k (x)", "got 1 buffers, want 2"},
      {"launch k (x, q)", "buffer 'q' does not exist"},
      {"launch j (x, y)", "a launch of 'j', which does not exist"},
      {"launch k (y, x)", "weight 'x' would be written"},
      {"launch k when m in [1, 2] (x, y)", "size 'm' is not declared"},
      {"launch k when n in [3, 2] (x, y)", "never holds"},
      {"buffer x f32 [n] scratch", "declared twice"},
      {"size n in [1, 2]", "declared twice"},
      {"size m in [3, 2]", "got bounds [3, 2]"},
      {"buffer s f32 [n] scratch offset 0", "lies at 0 + 32 bytes, the arena has 0"},
      {"buffer s f32 [0 - n] scratch", "may have -1 elements"},
      {"buffer i i32 [n] input launch k (i, y)", "holds i32, parameter 'a' wants f32"},
      {"kernel k() extent 1 { parallel t < 1 { } }", "two kernels are named 'k'"},
      {"kernel j() extent 1 { parallel t < size m { } }", "size 'm' is not declared"},
      {"kernel j() extent m { parallel t < 1 { } }", "size 'm' is not declared"},
      {"kernel j() extent 1 { serial t < 1 { } }", "the body must be one parallel loop"},
      {"kernel j() extent 1 { parallel t < 1 { } parallel u < 1 { } }", "the body must be one parallel loop"},
      {"kernel j(read a f32, read a f32) extent 1 { parallel t < 1 { } }", "two parameters are named 'a'"},
  };
  for (const Case& c : cases)
    EXPECT_NE(verify_text(good + c.text).find(c.broken), std::string::npos) << c.text << "\n"
                                                                            << verify_text(good + c.text);
}

// What no text can say.
TEST(Verify, NodesMadeByHand) {
  Buffer y = global_buffer("y", DType::f32), other = global_buffer("other", DType::f32);
  auto message = [&](Stmt body) {
    auto verified =
        verify(Kernel{"k", {{y, Access::read_write}}, 4, loop("t", 4, LoopKind::parallel, std::move(body))});
    return verified.ok() ? std::string("fine") : verified.message();
  };
  EXPECT_EQ(message(store(y, var("t"), load(y, 0))), "fine");
  EXPECT_NE(message(store(y, var("u"), load(y, 0))).find("'u' is not bound here: in `u`"), std::string::npos);
  EXPECT_NE(message(store(y, 0, var("t", {DType::f32}))).find("'t' is i64 here, marked f32"), std::string::npos);
  EXPECT_NE(message(store(y, 0, load(other, 0))).find("'other' is no parameter"), std::string::npos);
  ExprNode wrong = *binary(BinaryOp::add, var("t"), size_expr("n"));
  wrong.type = {DType::f32, 1};
  EXPECT_NE(message(store(y, 0, Expr(std::make_shared<const ExprNode>(wrong)))).find("it is i64, marked f32"),
            std::string::npos);
  ExprNode big = *constant_int({DType::i8}, 1);
  big.integer = 300;
  Expr huge(std::make_shared<const ExprNode>(big));
  EXPECT_NE(message(let("v", huge, block({}))).find("constant 300 does not fit"), std::string::npos);
  Buffer l = local_buffer("l", DType::f32, 4);
  EXPECT_NE(message(store(l, 0, load(y, 0))).find("not allocated here"), std::string::npos);
  EXPECT_NE(message(alloc(l, alloc(l, block({})))).find("allocated inside itself"), std::string::npos);
}

}  // namespace
}  // namespace hearth
