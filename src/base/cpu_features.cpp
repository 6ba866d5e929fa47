// Processor features from cpuid (x86-64) or the auxiliary vector (aarch64).
#include "base/cpu_features.h"

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace hearth {
namespace {

#if defined(__x86_64__)

constexpr const char* kArch = "x86_64";

// Which registers the system must save before a feature may be used.
enum class State { none, ymm, zmm };

struct Row {
  const char* name;
  uint32_t leaf, subleaf;
  int word;  // 0 eax, 1 ebx, 2 ecx, 3 edx
  int bit;
  State state;
};

constexpr Row kRows[] = {
    {"popcnt", 1, 0, 2, 23, State::none},
    {"movbe", 1, 0, 2, 22, State::none},
    {"avx", 1, 0, 2, 28, State::ymm},
    {"fma", 1, 0, 2, 12, State::ymm},
    {"f16c", 1, 0, 2, 29, State::ymm},
    {"bmi", 7, 0, 1, 3, State::none},
    {"avx2", 7, 0, 1, 5, State::ymm},
    {"bmi2", 7, 0, 1, 8, State::none},
    {"lzcnt", 0x80000001, 0, 2, 5, State::none},
    {"avxvnni", 7, 1, 0, 4, State::ymm},
    {"avx512f", 7, 0, 1, 16, State::zmm},
    {"avx512dq", 7, 0, 1, 17, State::zmm},
    {"avx512cd", 7, 0, 1, 28, State::zmm},
    {"avx512bw", 7, 0, 1, 30, State::zmm},
    {"avx512vl", 7, 0, 1, 31, State::zmm},
    {"avx512vbmi", 7, 0, 2, 1, State::zmm},
    {"avx512vbmi2", 7, 0, 2, 6, State::zmm},
    {"avx512vnni", 7, 0, 2, 11, State::zmm},
    {"avx512bf16", 7, 1, 0, 5, State::zmm},
    {"gfni", 7, 0, 2, 8, State::ymm},
};

// XCR0, where the system says which registers it saves.
uint32_t saved_registers() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

State widest_state() {
  uint32_t word[4] = {};
  constexpr uint32_t kXsave = 1u << 27, kYmm = 0x6, kZmm = 0xe6;
  if (!__get_cpuid_count(1, 0, &word[0], &word[1], &word[2], &word[3]) || !(word[2] & kXsave)) return State::none;
  const uint32_t saved = saved_registers();
  if ((saved & kZmm) == kZmm) return State::zmm;
  return (saved & kYmm) == kYmm ? State::ymm : State::none;
}

std::vector<std::string> detect() {
  std::vector<std::string> names;
  const State widest = widest_state();
  for (const Row& row : kRows) {
    uint32_t word[4] = {};
    if (!__get_cpuid_count(row.leaf, row.subleaf, &word[0], &word[1], &word[2], &word[3])) continue;
    if ((word[row.word] >> row.bit & 1) && row.state <= widest) names.push_back(row.name);
  }
  return names;
}

#elif defined(__aarch64__)

constexpr const char* kArch = "aarch64";

struct Row {
  const char* name;
  int vector;  // 0: AT_HWCAP, 1: AT_HWCAP2
  int bit;
};
constexpr Row kRows[] = {{"neon", 0, 1}, {"fullfp16", 0, 10}, {"dotprod", 0, 20}, {"i8mm", 1, 13}, {"bf16", 1, 14}};

std::vector<std::string> detect() {
  std::vector<std::string> names;
#if defined(__linux__)
  const uint64_t words[2] = {::getauxval(AT_HWCAP), ::getauxval(AT_HWCAP2)};
  for (const Row& row : kRows)
    if (words[row.vector] >> row.bit & 1) names.push_back(row.name);
#endif
  return names;
}

#else

constexpr const char* kArch = "unknown";
std::vector<std::string> detect() { return {}; }

#endif

}  // namespace

bool CpuFeatures::has(std::string_view name) const {
  return std::find(names.begin(), names.end(), name) != names.end();
}

CpuFeatures cpu_features() { return {kArch, detect()}; }

Result<Done> cpu_runs(std::string_view arch, std::string_view features) {
  const CpuFeatures here = cpu_features();
  if (arch != here.arch) return error("cpu: code is for {}, this machine is {}", arch, here.arch);
  while (!features.empty()) {
    const size_t comma = std::min(features.find(','), features.size());
    const std::string_view feature = features.substr(0, comma);
    features.remove_prefix(std::min(comma + 1, features.size()));
    if (feature.starts_with('+') && !here.has(feature.substr(1)))
      return error("cpu: code needs '{}', which this machine lacks", feature.substr(1));
  }
  return Done{};
}

}  // namespace hearth
