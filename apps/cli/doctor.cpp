// doctor: what this machine has and what Hearth will use.
#include <fmt/format.h>

#include <memory>

#include "cli.h"

namespace cli {
namespace {

struct DoctorFlags {
  bool json = false, probe = false;
  int threads = 0;
};

int doctor(const DoctorFlags& flags, const Surroundings& surroundings) {
  auto answer = hearth::api::doctor(dump(Json{{"cache", surroundings.cache}, {"probe", flags.probe}, {"threads", flags.threads}}));
  if (!answer) return fail(answer.error);
  const Json machine = parse_answer(*answer);
  if (flags.json) {
    fmt::print("{}\n", dump(machine, 2));
    return kDone;
  }
  const auto number = [](const Json& from, const char* key) { return from.value(key, 0.0); };
  const Json device = machine.value("device", Json::object()), cache = machine.value("cache", Json::object());
  fmt::print("hearth    {}\n", hearth_version());
  fmt::print("cpu       {}, {:.0f} cores\n", machine.value("cpu", "unknown"), number(machine, "cores"));
  fmt::print("memory    {} of {} free\n", bytes_text(number(machine, "memory_free_bytes")),
             bytes_text(number(machine, "memory_bytes")));
  fmt::print("target    {} ({}, vectors of {:.0f} bytes)\n", machine.value("target", ""), machine.value("target_cpu", ""),
             number(machine, "vector_bytes"));
  fmt::print("threads   {:.0f}\n", number(device, "threads"));
  fmt::print("cache     {}: {:.0f} models, {}\n", surroundings.cache.empty() ? "none" : surroundings.cache, number(cache, "files"),
             bytes_text(number(cache, "bytes")));
  for (const std::string& hub : surroundings.hub) fmt::print("hub       {}\n", hub);
  for (const Json& target : machine.value("targets", Json::array())) {
    fmt::print("code for  {:<20} {}\n", target.value("name", ""), target.value("runs", false) ? "runs here" : target.value("why", ""));
  }
  if (!flags.probe) return kDone;
  const Json probe = machine.value("probe", Json::object());
  fmt::print("now       {:.0f} threads read {:.1f} GB/s; byte dots {:.0f} Gop/s; f32 fma {:.0f} Gop/s\n", number(probe, "threads"),
             number(probe, "read_bytes") / 1e9, number(probe, "dots") / 1e9, number(probe, "floats") / 1e9);
  return kDone;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("doctor", "What this machine has and what Hearth will use");
  auto flags = std::make_shared<DoctorFlags>();
  command->add_flag("--json", flags->json, "as JSON");
  command->add_flag("--probe", flags->probe, "measure what memory and arithmetic give now");
  command->add_option("-t,--threads", flags->threads, "threads of the probe (default: one a core)")->check(CLI::Range(1, 1024));
  command->callback([=, &context] { context.exit = doctor(*flags, context.surroundings); });
}

}  // namespace cli
