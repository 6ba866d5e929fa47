// doctor: what this machine has and what Hearth will use.
#include <fmt/format.h>

#include <memory>

#include "cli.h"

namespace cli {
namespace {

int doctor(bool json, const Surroundings& surroundings) {
  auto answer = hearth::api::doctor(dump(Json{{"cache", surroundings.cache}}));
  if (!answer) return fail(answer.error);
  const Json machine = parse_answer(*answer);
  if (json) {
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
  return kDone;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("doctor", "What this machine has and what Hearth will use");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "as JSON");
  command->callback([=, &context] { context.exit = doctor(*json, context.surroundings); });
}

}  // namespace cli
