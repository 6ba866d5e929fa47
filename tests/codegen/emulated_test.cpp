// aarch64: code links without a library everywhere, and agrees with the interpreter where it can be emulated.
#include "emulated_run.h"
#include "trials.h"

namespace hearth {
namespace {

constexpr const char* kTargets[] = {"aarch64", "aarch64-dotprod", "aarch64-i8mm", "aarch64+i8mm"};

void expect_emulated_agreement(const Trials& trials, uint32_t seed) {
  std::vector<Memory> before, truth;
  for (const Trial& trial : trials.trials) {
    before.push_back(random_memory(trial, seed++));
    truth.push_back(run_interpreted(trials, trial, before.back()));
  }
  for (const char* name : kTargets) {
    const auto code = emit(program_of(trials), *find_target(name), 4);
    ASSERT_TRUE(code.ok()) << code.message();
    if (!emulation_lacks().empty()) continue;
    const auto after = run_emulated(*code, trials, before);
    ASSERT_TRUE(after.ok()) << after.message();
    for (size_t i = 0; i < trials.trials.size(); ++i)
      EXPECT_EQ(difference(trials.trials[i], (*after)[i], truth[i]), "") << "on " << name;
  }
  if (const std::string lack = emulation_lacks(); !lack.empty()) GTEST_SKIP() << lack << ": compiled and linked only";
}

TEST(Aarch64, Arithmetic) { expect_emulated_agreement(arithmetic_trials({1, 16}), 101); }
TEST(Aarch64, Casts) { expect_emulated_agreement(cast_trials({1, 8}), 102); }
TEST(Aarch64, Lanes) { expect_emulated_agreement(lane_trials(), 103); }
TEST(Aarch64, Dot4) { expect_emulated_agreement(dot4_trials(), 104); }
TEST(Aarch64, Dot2) { expect_emulated_agreement(dot2_trials(), 109); }
TEST(Aarch64, Constants) { expect_emulated_agreement(constant_trials(), 108); }
TEST(Aarch64, Memory) { expect_emulated_agreement(memory_trials(), 105); }
TEST(Aarch64, Statements) { expect_emulated_agreement(statement_trials(), 106); }
TEST(Aarch64, RandomKernels) { expect_emulated_agreement(random_trials(60, 107), 107); }

}  // namespace
}  // namespace hearth
