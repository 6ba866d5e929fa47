// Profile: what each kernel took, moved and computed, beside what the machine gave at that moment; as a table and a picture.
#pragma once

#include <string>
#include <vector>

#include "cli.h"

namespace cli {

// What the machine gives, a second: bytes read from memory, operations of byte dot products and of f32 fma.
struct Roofs {
  double read_bytes = 0, dots = 0, floats = 0;
};

struct KernelProfile {
  std::string symbol;
  int64_t calls = 0;
  double ms = 0;                           // mean over threads, waiting not counted
  double bytes = 0, dots = 0, floats = 0;  // of all calls
  bool known = false;                      // the file says what it moves and computes

  double operations() const { return dots + floats; }
  // Time at the roofs over time taken; above 1 where caches gave what memory could not.
  double of_peak(const Roofs& roofs) const;
  bool memory_bound(const Roofs& roofs) const;
};

struct Profile {
  std::string model, test;
  int threads = 1;
  int64_t steps = 0;
  double total_ms = 0;                     // of the run, sampling and all
  double waiting_ms = 0;                   // threads waiting for each other
  Roofs roofs;
  std::vector<KernelProfile> kernels;      // the longest first

  double kernels_ms() const;
  double outside_ms() const;               // neither in kernels nor waiting: the engine's own
};

// `counted`: hearth_profile's answer. `probes`: doctor's "probe" from before and after; the roofs are their mean.
Profile read_profile(const Json& counted, const Json& before, const Json& after);

Json json_of(const Profile& profile);
void print_profile(const Profile& profile);
// One panel a profile: log-log axes, roofs, a dot a kernel.
std::string roofline_svg(const std::vector<Profile>& profiles);

}  // namespace cli
