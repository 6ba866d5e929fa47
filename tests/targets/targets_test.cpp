// Targets: the set, names with added features, and the description of this machine.
#include <gtest/gtest.h>

#include "base/cpu_features.h"
#include "targets/target.h"

namespace hearth {
namespace {

TEST(Targets, EveryNameIsFoundAndDescribesItself) {
  const std::vector<std::string> names = target_names();
  for (const char* wanted : {"native", "x86-64-v3", "x86-64-v4", "x86-64-v4-vnni", "aarch64", "aarch64-dotprod", "aarch64-i8mm"})
    EXPECT_NE(std::find(names.begin(), names.end(), wanted), names.end()) << wanted;
  for (const std::string& name : names) {
    if (name == "native") continue;
    const auto target = find_target(name);
    ASSERT_TRUE(target.ok()) << target.message();
    EXPECT_EQ(target->name, name);
    EXPECT_FALSE(target->triple.empty());
    EXPECT_EQ(target->lanes_f32() * 4, target->vector_bytes);
  }
}

TEST(Targets, FactsOfTheFixedOnes) {
  EXPECT_EQ(find_target("x86-64-v3")->vector_bytes, 32);
  EXPECT_EQ(find_target("x86-64-v4")->dot4, Dot4::none);
  EXPECT_EQ(find_target("x86-64-v4-vnni")->dot4, Dot4::unsigned_signed);
  EXPECT_EQ(find_target("aarch64")->vector_registers, 32);
  EXPECT_EQ(find_target("aarch64-dotprod")->dot4, Dot4::signed_signed);
  EXPECT_FALSE(find_target("aarch64-dotprod")->byte_tiles);
  EXPECT_TRUE(find_target("aarch64-i8mm")->byte_tiles);
  EXPECT_TRUE(find_target("aarch64-dotprod+i8mm")->byte_tiles);
}

TEST(Targets, AddedFeaturesChangeTheFacts) {
  const auto target = find_target("x86-64-v3+avxvnni");
  ASSERT_TRUE(target.ok()) << target.message();
  EXPECT_EQ(target->name, "x86-64-v3+avxvnni");
  EXPECT_EQ(target->dot4, Dot4::unsigned_signed);
  EXPECT_EQ(target->vector_bytes, 32);
  EXPECT_NE(target->features.find("+avxvnni"), std::string::npos);
}

TEST(Targets, UnknownNamesAreErrorsThatListTheKnownOnes) {
  for (const char* name : {"", "x86", "pentium", "x86-64-v3+", "x86-64-v3+avx512vnni", "aarch64+avxvnni", "+gfni",
                           "x86-64-v4+avx512vnni+avx512vnni", "x86-64-v4-vnni+avx512vnni", "native+gfni"}) {
    const auto target = find_target(name);
    ASSERT_FALSE(target.ok()) << name;
    EXPECT_EQ(target.message().find('\n'), std::string::npos);
  }
  EXPECT_NE(find_target("pentium").message().find("x86-64-v4-vnni"), std::string::npos);
}

TEST(Targets, NativeRunsHereAndItsNameSaysItAll) {
  const auto native = find_target("native");
  if (!native.ok()) GTEST_SKIP() << native.message();
  EXPECT_TRUE(runs_here(*native).ok());
  const auto again = find_target(native->name);
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(again->name, native->name);
  EXPECT_EQ(again->features, native->features);
  EXPECT_EQ(again->dot4, native->dot4);
  const CpuFeatures here = cpu_features();
  const bool has_vnni = here.has("avx512vnni") || here.has("avxvnni");
  EXPECT_EQ(native->dot4 == Dot4::unsigned_signed, has_vnni);
  EXPECT_EQ(native->vector_bytes == 64, here.has("avx512vl"));
  EXPECT_EQ(native->byte_tiles, here.has("i8mm"));
}

TEST(Targets, ForeignMachinesAreRefusedByName) {
  const bool on_x86 = cpu_features().arch == "x86_64";
  const auto runs = runs_here(*find_target(on_x86 ? "aarch64" : "x86-64-v3"));
  ASSERT_FALSE(runs.ok());
  EXPECT_NE(runs.message().find(on_x86 ? "aarch64" : "x86_64"), std::string::npos);
}

TEST(CpuFeatures, MissingOnesAreNamedAndSwitchedOffOnesAskNothing) {
  const CpuFeatures here = cpu_features();
  EXPECT_TRUE(cpu_runs(here.arch, "").ok());
  EXPECT_TRUE(cpu_runs(here.arch, "-prefer-256-bit,-warp-drive").ok());
  const auto runs = cpu_runs(here.arch, "-prefer-256-bit,+warp-drive");
  ASSERT_FALSE(runs.ok());
  EXPECT_NE(runs.message().find("'warp-drive'"), std::string::npos);
}

}  // namespace
}  // namespace hearth
