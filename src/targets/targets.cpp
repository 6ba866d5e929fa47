// The set of targets, names with added features ("x86-64-v3+avxvnni"), and the description of this machine.
#include <algorithm>
#include <tuple>

#include "base/cpu_features.h"
#include "targets/target.h"

namespace hearth {

#define HEARTH_MEMBER(name) Target name();
#include <sets/targets.inc>
#undef HEARTH_MEMBER

namespace {

// Every target of the folder, richest last: more lanes, then byte dot products, then tiles of bytes.
std::vector<Target> all_targets() {
  std::vector<Target> targets = {
#define HEARTH_MEMBER(name) name(),
#include <sets/targets.inc>
#undef HEARTH_MEMBER
  };
  std::stable_sort(targets.begin(), targets.end(), [](const Target& a, const Target& b) {
    const auto riches = [](const Target& t) { return std::tuple(t.vector_bytes, t.dot4 != Dot4::none, t.byte_tiles); };
    return riches(a) < riches(b);
  });
  return targets;
}

// Features that a name may add to a target, and what they change of its facts.
struct Extra {
  std::string_view feature, arch;
  Dot4 dot4;
  bool bf16_dot, byte_tiles;
};
constexpr Extra kExtras[] = {
    {"avxvnni", "x86_64", Dot4::unsigned_signed, false, false},
    {"avx512vnni", "x86_64", Dot4::unsigned_signed, false, false},
    {"avx512bf16", "x86_64", Dot4::none, true, false},
    {"avx512vbmi", "x86_64", Dot4::none, false, false},
    {"avx512vbmi2", "x86_64", Dot4::none, false, false},
    {"gfni", "x86_64", Dot4::none, false, false},
    {"dotprod", "aarch64", Dot4::signed_signed, false, false},
    {"i8mm", "aarch64", Dot4::none, false, true},
};

std::string_view arch_of(const Target& target) {
  return std::string_view(target.triple).substr(0, target.triple.find('-'));
}

// Only wide vectors may use what the processor offers for wide registers.
bool fits(const Extra& extra, const Target& target) {
  return extra.arch == arch_of(target) && (!extra.feature.starts_with("avx512") || target.vector_bytes == 64);
}

bool has_feature(const Target& target, std::string_view feature) {
  return ("," + target.features + ",").find("," + ("+" + std::string(feature)) + ",") != std::string::npos;
}

void add_feature(Target& target, const Extra& extra) {
  target.name += "+" + std::string(extra.feature);
  target.features += ",+" + std::string(extra.feature);
  if (extra.dot4 != Dot4::none) target.dot4 = extra.dot4;
  target.bf16_dot |= extra.bf16_dot;
  target.byte_tiles |= extra.byte_tiles;
}

Result<Target> named_target(std::string_view name) {
  for (const Target& target : all_targets())
    if (target.name == name) return target;
  return error("target: got '{}', want one of: {}", name, fmt::join(target_names(), ", "));
}

// The richest target that runs here, with every extra this machine has: the name says it all and can be given
// elsewhere.
Result<Target> native_target() {
  const CpuFeatures here = cpu_features();
  std::vector<Target> targets = all_targets();
  const auto best = std::find_if(targets.rbegin(), targets.rend(), [](const Target& t) { return runs_here(t).ok(); });
  if (best == targets.rend())
    return error("target: 'native': this {} machine runs none of: {}; want at least AVX2 or NEON with half floats",
                 here.arch, fmt::join(target_names(), ", "));
  Target target = *best;
  for (const Extra& extra : kExtras)
    if (fits(extra, target) && here.has(extra.feature) && !has_feature(target, extra.feature))
      add_feature(target, extra);
  return target;
}

}  // namespace

Result<Target> find_target(std::string_view name) {
  if (name == "native") return native_target();
  const size_t plus = std::min(name.find('+'), name.size());
  TRY(Target target, named_target(name.substr(0, plus)));
  for (std::string_view rest = name.substr(plus); !rest.empty();) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('+'), rest.size());
    const std::string_view feature = rest.substr(0, end);
    rest.remove_prefix(end);
    const auto extra = std::find_if(std::begin(kExtras), std::end(kExtras),
                                    [&](const Extra& e) { return e.feature == feature && fits(e, target); });
    if (extra == std::end(kExtras))
      return error("target: '{}': got feature '{}', which '{}' cannot add", name, feature, target.name);
    if (has_feature(target, feature)) return error("target: '{}': got feature '{}' twice, want it once", name, feature);
    add_feature(target, *extra);
  }
  return target;
}

std::vector<std::string> target_names() {
  std::vector<std::string> names = {"native"};
  for (const Target& target : all_targets()) names.push_back(target.name);
  return names;
}

Result<Done> runs_here(const Target& target) {
  const Result<Done> runs = cpu_runs(arch_of(target), target.features);
  if (!runs.ok()) return runs.within("target: '" + target.name + "'");
  return runs;
}

}  // namespace hearth
