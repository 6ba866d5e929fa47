// The probe runs here, and says of threads and instructions what must hold on any machine.
#include "bake/probe.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Probe, MeasuresThisMachine) {
  const auto target = find_target("native");
  ASSERT_TRUE(target.ok()) << target.message();
  const auto probe = probe_machine(*target, 2);
  ASSERT_TRUE(probe.ok()) << probe.message();
  EXPECT_EQ(probe->threads, 2);
  EXPECT_GT(probe->read_bytes, 1e7);
  EXPECT_GT(probe->floats, 1e7);
  EXPECT_LT(probe->floats, 1e15);  // more would mean that the loop was folded away
  EXPECT_GT(probe->dots, 1e7);
  EXPECT_LT(probe->dots, 1e15);
  EXPECT_LT(probe->read_bytes, 1e13);
}

TEST(Probe, EveryTargetThatRunsHere) {
  for (const std::string& name : target_names()) {
    const auto target = find_target(name);
    ASSERT_TRUE(target.ok());
    if (!runs_here(*target).ok()) continue;
    const auto probe = probe_machine(*target, 1);
    ASSERT_TRUE(probe.ok()) << name << ": " << probe.message();
    EXPECT_GT(probe->dots, 0) << name;
  }
}

}  // namespace
}  // namespace hearth
