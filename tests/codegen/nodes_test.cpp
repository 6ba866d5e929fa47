// Every kind of expression node, natively and interpreted, bit for bit, over types and lanes.
#include "trials.h"

namespace hearth {
namespace {

TEST(Nodes, Arithmetic) { expect_agreement(arithmetic_trials({1, 16}), 1); }
TEST(Nodes, ArithmeticOfOddLanes) { expect_agreement(arithmetic_trials({5}), 2); }
TEST(Nodes, DivisionByConstantsRoundsDown) { expect_agreement(division_trials(), 3); }
TEST(Nodes, Casts) { expect_agreement(cast_trials({1, 5, 16}), 4); }
TEST(Nodes, LanesMove) { expect_agreement(lane_trials(), 5); }
TEST(Nodes, Dot4IsExactForEveryByte) { expect_agreement(dot4_trials(), 6); }
TEST(Nodes, Dot2IsWhatTheInstructionGives) { expect_agreement(dot2_trials(), 8); }
TEST(Nodes, Constants) { expect_agreement(constant_trials(), 7); }

}  // namespace
}  // namespace hearth
