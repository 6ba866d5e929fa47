// Loop passes keep every bit: programs made by chance run before and after each pass, and after all of them in order.
#include <gtest/gtest.h>

#include "random_program.h"

#include "passes/pass.h"

namespace hearth {
namespace {

struct Named {
  const char* name;
  LoopPass run;
};
// expand_math is not among them: it changes bits by design, and there is nothing for it to change in these programs.
const Named kPasses[] = {{"merge_launches", merge_launches}, {"share_kernels", share_kernels}, {"unroll", unroll},
                         {"vectorize", vectorize},           {"tile_rows", tile_rows},         {"plan_memory", plan_memory}};

Target target_of(int registers) {
  Target target;
  target.vector_registers = registers;
  return target;
}

TEST(Meaning, EachLoopPassKeepsEveryBit) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    Chance chance(seed);
    const Program program = random_program(chance);
    const Target target = target_of(seed % 2 ? 32 : 16);
    for (int64_t n : {int64_t{1}, 2 + chance.below(12)}) {
      const Memory memory = random_memory(program, {{"n", n}}, chance);
      for (const Named& pass : kPasses) {
        SCOPED_TRACE(fmt::format("seed {}, n {}, {}", seed, n, pass.name));
        expect_same_results(program, pass.run(program, target), {{"n", n}}, memory);
        if (testing::Test::HasFailure()) return;
      }
      SCOPED_TRACE(fmt::format("seed {}, n {}, all", seed, n));
      expect_same_results(program, run_loop_passes(program, target, {}), {{"n", n}}, memory);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Meaning, AProgramComesBackFromItsText) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    Chance chance(seed);
    const Program program = run_loop_passes(random_program(chance), target_of(32), {});
    const auto back = parse_program(print(program));
    ASSERT_TRUE(back.ok()) << back.message();
    EXPECT_EQ(print(*back), print(program));
  }
}

}  // namespace
}  // namespace hearth
