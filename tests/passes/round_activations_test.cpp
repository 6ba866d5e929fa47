// round_activations: where rows are rounded, once for all who read them, and where they are not.
#include "passes/round_activations.h"

#include <gtest/gtest.h>

#include "ops/op.h"

namespace hearth {
namespace {

constexpr const char* kBefore = R"(size tokens in [1, 512]
%0 = input() {columns = "32", dtype = "f32", name = "x", rows = "tokens"} : f32 [tokens, 32]
%1 = param() {name = "a", row_bytes = 64, shape = [16r, 32r], stored = "bf16"} : u8 [16, 64]
%2 = decode(%1) {columns = 32, rows = 16, storage = "bf16"} : f32 [16, 32]
%3 = matmul(%0, %2) : f32 [tokens, 16]
%4 = matmul(%0, %2) : f32 [tokens, 16]
%5 = param() {name = "b", row_bytes = 64, shape = [16r, 32r], stored = "f16"} : u8 [16, 64]
%6 = decode(%5) {columns = 32, rows = 16, storage = "f16"} : f32 [16, 32]
%7 = matmul(%0, %6) : f32 [tokens, 16]
output y = %3
output z = %4
output u = %7
)";
constexpr const char* kAfter = R"(size tokens in [1, 512]
%0 = input() {columns = "32", dtype = "f32", name = "x", rows = "tokens"} : f32 [tokens, 32]
%1 = param() {name = "a", row_bytes = 64, shape = [16r, 32r], stored = "bf16"} : u8 [16, 64]
%2 = decode(%1) {columns = 32, rows = 16, storage = "bf16"} : f32 [16, 32]
%3 = round_rows(%0) : bf16 [tokens, 64]
%4 = matmul(%3, %2) : f32 [tokens, 16]
%5 = matmul(%3, %2) : f32 [tokens, 16]
%6 = param() {name = "b", row_bytes = 64, shape = [16r, 32r], stored = "f16"} : u8 [16, 64]
%7 = decode(%6) {columns = 32, rows = 16, storage = "f16"} : f32 [16, 32]
%8 = matmul(%0, %7) : f32 [tokens, 16]
output y = %4
output z = %5
output u = %8
)";

TEST(RoundActivations, RoundsRowsThatMeetBf16WeightsOnce) {
  const auto graph = parse_graph(kBefore);
  ASSERT_TRUE(graph.ok()) << graph.message();
  const Graph rounded = round_activations(*graph, "bf16");
  EXPECT_EQ(print(rounded), kAfter);
  EXPECT_TRUE(verify(rounded).ok()) << verify(rounded).message();
}

TEST(RoundActivations, LeavesThemAsTheyAreUnlessAskedFor) {
  const auto graph = parse_graph(kBefore);
  ASSERT_TRUE(graph.ok()) << graph.message();
  EXPECT_EQ(print(round_activations(*graph, "f32")), kBefore);
}

}  // namespace
}  // namespace hearth
