// Pace: on simulated machines it finds the best number of threads, follows changes, and spends little on asking.
#include "runtime/devices/pace.h"

#include <gtest/gtest.h>

#include <functional>

namespace hearth {
namespace {

using Machine = std::function<double(int threads)>;  // nanoseconds of a launch

// Runs launches; the time they took over what the best choice would have taken.
double run(Pace& pace, const Machine& machine, int launches, double best_ns) {
  double sum = 0;
  for (int i = 0; i < launches; ++i) {
    const double ns = machine(pace.threads());
    pace.took(static_cast<int64_t>(ns));
    sum += ns;
  }
  return sum / (best_ns * launches);
}

TEST(Pace, ChoicesAreAllOfFewAndSparseAmongMany) {
  EXPECT_EQ(Pace::choices_up_to(1), (std::vector<int>{1}));
  EXPECT_EQ(Pace::choices_up_to(4), (std::vector<int>{1, 2, 3, 4}));
  const auto many = Pace::choices_up_to(128);
  EXPECT_EQ(many.back(), 128);
  EXPECT_EQ(many.front(), 1);
  EXPECT_LE(many.size(), 32u);
}

TEST(Pace, StartsNearWhatItIsTold) {
  EXPECT_EQ(Pace({1, 2, 3, 4}, 4).threads(), 4);
  EXPECT_EQ(Pace({1, 2, 3, 4}, 2).threads(), 2);
  EXPECT_EQ(Pace({1, 4, 8}, 7).threads(), 8);
}

TEST(Pace, StaysWhereAllThreadsAreBestAndAskingCostsLittle) {
  Pace pace(Pace::choices_up_to(4), 4);
  const Machine quiet = [](int threads) { return 4e6 / threads; };
  run(pace, quiet, 100, 1e6);
  EXPECT_EQ(pace.best(), 4);
  EXPECT_LT(run(pace, quiet, 2000, 1e6), 1.005);
}

TEST(Pace, FindsOneThreadForTinyWork) {
  Pace pace(Pace::choices_up_to(8), 8);
  const Machine tiny = [](int threads) { return 1000.0 + 300 * threads; };
  run(pace, tiny, 100, 1300);
  EXPECT_EQ(pace.best(), 1);
  EXPECT_LT(run(pace, tiny, 2000, 1300), 1.005);
}

TEST(Pace, LeavesACpuThatAnotherProgramTakesAndComesBack) {
  Pace pace(Pace::choices_up_to(4), 4);
  const Machine quiet = [](int threads) { return 4e6 / threads; };
  const Machine taken = [](int threads) { return threads == 4 ? 5e6 : 4e6 / threads; };
  run(pace, quiet, 500, 1e6);
  EXPECT_LT(run(pace, taken, 20, 4e6 / 3), 2.0);  // seen within a few launches
  EXPECT_EQ(pace.best(), 3);
  run(pace, quiet, 1000, 1e6);
  EXPECT_EQ(pace.best(), 4);
}

TEST(Pace, OneSlowLaunchDecidesNothing) {
  Pace pace(Pace::choices_up_to(4), 4);
  int at = 0;
  const Machine hiccups = [&](int threads) { return (++at % 17 == 0 ? 8e6 : 4e6) / threads; };
  int elsewhere = 0;
  for (int i = 0; i < 3000; ++i) {
    pace.took(static_cast<int64_t>(hiccups(pace.threads())));
    elsewhere += pace.best() != 4;
  }
  EXPECT_LT(elsewhere, 150);
}

}  // namespace
}  // namespace hearth
