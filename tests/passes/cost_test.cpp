// Costs of kernels whose bytes and operations are known by hand.
#include "passes/cost.h"

#include <gtest/gtest.h>

#include "ir/text.h"

namespace hearth {
namespace {

Cost cost_of(const std::string& buffers, const std::string& kernel, const std::string& launch) {
  const auto program = parse_program("size tokens in [1, 512]\nsize table in [1, 64]\n" + buffers + kernel + launch);
  EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.message());
  return program.ok() ? costs_of(*program).at(0) : Cost{};
}

int64_t at(const Dim& dim, int64_t tokens, int64_t table = 1) {
  return dim.evaluate({{"tokens", tokens}, {"table", table}}).value_or(-1);
}

// y[t, n] = sum over k of x[t, k] * w[n, k], 16 columns at once: every weight once, whatever the tokens.
const char* const kMatmul = R"(kernel f(read w f32, read x f32, write y f32) extent 8 {
  parallel n < 8 {
    serial t < size tokens {
      alloc sum f32 [16];
      sum[0] = 0f32x16;
      serial k < 32 {
        sum[0] = fma(w:f32x16[n * 512 + k * 16], broadcast(x[t * 32 + k], 16), sum:f32x16[0]);
      }
      y[t * 128 + n * 16] = sum:f32x16[0];
    }
  }
}
)";

TEST(Cost, CountsAMatmul) {
  const Cost cost = cost_of("buffer w f32 [4096] weight\nbuffer x f32 [tokens * 32] input offset 0\n"
                            "buffer y f32 [tokens * 128] output offset 65536\n",
                            kMatmul, "launch f (w, x, y)\n");
  for (const int64_t tokens : {1, 7, 512}) {
    EXPECT_EQ(at(cost.floats, tokens), tokens * 2 * 32 * 128);
    EXPECT_EQ(at(cost.bytes, tokens), 4096 * 4 + tokens * 32 * 4 + tokens * 128 * 4);
    EXPECT_EQ(at(cost.dots, tokens), 0);
  }
}

TEST(Cost, CountsDotsAndSharedReadsOnce) {
  const Cost cost = cost_of("buffer a u8 [64] weight\nbuffer b i32 [tokens * 16] output offset 0\n",
                            R"(kernel f(read a u8, write b i32) extent tokens {
  parallel t < size tokens {
    serial again < 3 {
      b[t * 16] = dot4(broadcast(0i32, 16), a:u8x64[0], bitcast(i8x64, a:u8x64[0]));
    }
  }
}
)", "launch f (a, b)\n");
  EXPECT_EQ(at(cost.dots, 5), 5 * 3 * 2 * 64);
  EXPECT_EQ(at(cost.floats, 5), 0);
  EXPECT_EQ(at(cost.bytes, 5), 64 + 5 * 64);
}

TEST(Cost, ALoopOverDataRunsAsLongAsTheTable) {
  const Cost cost = cost_of("buffer n i32 [tokens] input offset 0\nbuffer y f32 [tokens] output offset 4096\n",
                            R"(kernel f(read n i32, write y f32) extent tokens {
  parallel t < size tokens {
    let most i64 = cast(i64, n[t]);
    serial page < most + 1 {
      y[t] = 1f32 + cast(f32, page);
    }
  }
}
)", "launch f (n, y)\n");
  EXPECT_EQ(at(cost.floats, 4, 10), 40);
  EXPECT_EQ(at(cost.bytes, 4, 10), 4 * 4 + 4 * 4);
}

TEST(Cost, OfTwoBranchesTheDearerThatCanHappen) {
  const Cost cost = cost_of("buffer n i32 [tokens] input offset 0\nbuffer y f32 [tokens * 4] output offset 4096\n",
                            R"(kernel f(read n i32, write y f32) extent (tokens + 3) / 4 {
  parallel tile < (size tokens + 3) / 4 {
    if 4 <= size tokens - tile * 4 {
      serial i < 4 {
        y[tile * 4 + i] = cast(f32, n[tile * 4]) * 2f32;
      }
    } else {
      serial i < min(size tokens - tile * 4, 4) {
        y[tile * 4 + i] = cast(f32, n[tile * 4]) * 2f32;
      }
    }
  }
}
)", "launch f (n, y)\n");
  EXPECT_EQ(at(cost.floats, 1), 1);
  EXPECT_EQ(at(cost.floats, 3), 3);
  EXPECT_EQ(at(cost.floats, 8), 8);
}

TEST(Cost, NestedLoopsOverDataWalkTheTableTogether) {
  const Cost cost = cost_of("buffer n i32 [tokens] input offset 0\nbuffer y f32 [tokens] output offset 4096\n",
                            R"(kernel f(read n i32, write y f32) extent tokens * ((table + 7) / 8) {
  parallel work < size tokens * ((size table + 7) / 8) {
    let most i64 = cast(i64, n[work]);
    serial block < most / 4 {
      serial page < most {
        y[work] = 1f32 + cast(f32, page);
      }
    }
  }
}
)", "launch f (n, y)\n");
  EXPECT_EQ(at(cost.floats, 2, 16), 2 * 16);
  EXPECT_EQ(at(cost.floats, 2, 4), 2 * 4);
}

TEST(Cost, ALoopThatDoesNotRunReadsNothing) {
  const Cost cost = cost_of("buffer w f32 [16] weight\nbuffer y f32 [tokens * 16] output offset 0\n",
                            R"(kernel f(read w f32, write y f32) extent 1 {
  parallel n < 1 {
    serial t < size tokens / 8 {
      y[t * 16] = w:f32x16[0];
    }
  }
}
)", "launch f (w, y)\n");
  EXPECT_EQ(at(cost.bytes, 7), 0);
  EXPECT_EQ(at(cost.bytes, 8), 2 * 64);
}

}  // namespace
}  // namespace hearth
