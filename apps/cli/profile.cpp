// Profile: reads the counts of a run, and prints them as a table with a row for waiting and one for what is outside kernels.
#include "profile.h"

#include <fmt/format.h>

#include <algorithm>

namespace cli {
namespace {

Roofs roofs_of(const Json& probe) {
  return {probe.value("read_bytes", 0.0), probe.value("dots", 0.0), probe.value("floats", 0.0)};
}

double ideal_compute_s(const KernelProfile& kernel, const Roofs& roofs) {
  return (roofs.dots > 0 ? kernel.dots / roofs.dots : 0) + (roofs.floats > 0 ? kernel.floats / roofs.floats : 0);
}
double ideal_read_s(const KernelProfile& kernel, const Roofs& roofs) {
  return roofs.read_bytes > 0 ? kernel.bytes / roofs.read_bytes : 0;
}

// Per millisecond in units of 1e9 a second.
double giga(double count, double ms) { return ms > 0 ? count / ms / 1e6 : 0; }
double share(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

}  // namespace

double KernelProfile::of_peak(const Roofs& roofs) const {
  return ms > 0 ? 1000 * std::max(ideal_compute_s(*this, roofs), ideal_read_s(*this, roofs)) / ms : 0;
}
bool KernelProfile::memory_bound(const Roofs& roofs) const { return ideal_read_s(*this, roofs) > ideal_compute_s(*this, roofs); }

double Profile::kernels_ms() const {
  double sum = 0;
  for (const KernelProfile& kernel : kernels) sum += kernel.ms;
  return sum;
}
double Profile::outside_ms() const { return std::max(0.0, total_ms - waiting_ms - kernels_ms()); }

Profile read_profile(const Json& counted, const Json& before, const Json& after) {
  Profile profile;
  const Roofs a = roofs_of(before), b = roofs_of(after);
  profile.roofs = {(a.read_bytes + b.read_bytes) / 2, (a.dots + b.dots) / 2, (a.floats + b.floats) / 2};
  profile.threads = counted.value("threads", 1);
  profile.steps = counted.value("runs", int64_t{0});
  profile.waiting_ms = counted.value("waiting_ns", 0.0) / 1e6;
  const Json kernels = counted.value("kernels", Json::object());
  for (const auto& [symbol, kernel] : kernels.items())
    profile.kernels.push_back({symbol, kernel.value("calls", int64_t{0}), kernel.value("ns", 0.0) / 1e6, kernel.value("bytes", 0.0),
                               kernel.value("dots", 0.0), kernel.value("floats", 0.0), kernel.contains("bytes")});
  std::stable_sort(profile.kernels.begin(), profile.kernels.end(),
                   [](const KernelProfile& x, const KernelProfile& y) { return x.ms > y.ms; });
  return profile;
}

Json json_of(const Profile& profile) {
  Json kernels = Json::array();
  for (const KernelProfile& kernel : profile.kernels) {
    Json row = {{"kernel", kernel.symbol}, {"calls", kernel.calls}, {"ms", kernel.ms}, {"share", share(kernel.ms, profile.total_ms) / 100}};
    if (kernel.known) {
      row.update({{"bytes", kernel.bytes}, {"dots", kernel.dots}, {"floats", kernel.floats}, {"gb_s", giga(kernel.bytes, kernel.ms)},
                  {"gop_s", giga(kernel.operations(), kernel.ms)}, {"of_peak", kernel.of_peak(profile.roofs)},
                  {"limit", kernel.memory_bound(profile.roofs) ? "memory" : "compute"}});
    }
    kernels.push_back(row);
  }
  return {{"test", profile.test}, {"threads", profile.threads}, {"steps", profile.steps}, {"total_ms", profile.total_ms},
          {"waiting_ms", profile.waiting_ms}, {"waiting_share", share(profile.waiting_ms, profile.total_ms) / 100},
          {"outside_ms", profile.outside_ms()},
          {"probe", {{"read_gb_s", profile.roofs.read_bytes / 1e9}, {"dot_gop_s", profile.roofs.dots / 1e9},
                     {"fma_gop_s", profile.roofs.floats / 1e9}}},
          {"kernels", kernels}};
}

void print_profile(const Profile& profile) {
  const Roofs& roofs = profile.roofs;
  fmt::print("\n{} of {}, {} threads, {} steps, {:.1f} ms; the machine gave {:.1f} GB/s, {:.0f} Gop/s of byte dots, {:.0f} of f32 fma\n\n",
             profile.test, profile.model, profile.threads, profile.steps, profile.total_ms, roofs.read_bytes / 1e9, roofs.dots / 1e9,
             roofs.floats / 1e9);
  fmt::print("| {:<28} | {:>7} | {:>9} | {:>6} | {:>10} | {:>10} | {:>7} | {:>8} | {:>7} | {:<7} |\n", "kernel", "calls", "ms", "share",
             "MB", "Mop", "GB/s", "Gop/s", "of peak", "limit");
  fmt::print("| {:-<28} | {:->6}: | {:->8}: | {:->5}: | {:->9}: | {:->9}: | {:->6}: | {:->7}: | {:->6}: | {:-<7} |\n", "", "", "", "", "",
             "", "", "", "", "");
  for (const KernelProfile& kernel : profile.kernels) {
    fmt::print("| {:<28} | {:>7} | {:>9.2f} | {:>5.1f}% |", kernel.symbol, kernel.calls, kernel.ms, share(kernel.ms, profile.total_ms));
    if (!kernel.known) {
      fmt::print(" {:>10} | {:>10} | {:>7} | {:>8} | {:>7} | {:<7} |\n", "", "", "", "", "", "");
      continue;
    }
    fmt::print(" {:>10.1f} | {:>10.1f} | {:>7.1f} | {:>8.1f} | {:>6.0f}% | {:<7} |\n", kernel.bytes / 1e6, kernel.operations() / 1e6,
               giga(kernel.bytes, kernel.ms), giga(kernel.operations(), kernel.ms), 100 * kernel.of_peak(roofs),
               kernel.memory_bound(roofs) ? "memory" : "compute");
  }
  const auto rest = [&](const char* name, double ms) {
    fmt::print("| {:<28} | {:>7} | {:>9.2f} | {:>5.1f}% | {:>10} | {:>10} | {:>7} | {:>8} | {:>7} | {:<7} |\n", name, "", ms,
               share(ms, profile.total_ms), "", "", "", "", "", "");
  };
  rest("(waiting at barriers)", profile.waiting_ms);
  rest("(outside kernels)", profile.outside_ms());
}

}  // namespace cli
