// bake: writes a model and the code to run it into one file.
#include <fmt/format.h>

#include <memory>
#include <mutex>

#include "cli.h"
#include "terminal.h"

namespace cli {
namespace {

struct BakeFlags {
  ModelFlags model;
  std::string out;
};

int bake(const BakeFlags& flags, const Surroundings& surroundings) {
  if (flags.model.name(surroundings).empty()) return fail("bake: no MODEL given, want a folder, a .gguf or a name");
  Json options = flags.model.options(surroundings, ModelFlags::Use::bake);
  options["out"] = flags.out;
  ProgressBar bar;
  std::mutex mutex;                              // bakers report from any thread
  const auto baked = hearth::api::bake(dump(options), [&](std::string_view stage, double done, double total) {
    const std::lock_guard lock(mutex);
    bar.show(stage, done, total);
  });
  return baked ? kDone : fail(baked.error);
}

}  // namespace

void add_bake(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("bake", "Writes a model and its code into one file: hearth bake MODEL -o FILE");
  auto flags = std::make_shared<BakeFlags>();
  flags->model.add_to(*command, ModelFlags::Use::bake);
  command->add_option("-o,--out", flags->out, "the file to write")->required();
  command->callback([=, &context] { context.exit = bake(*flags, context.surroundings); });
}

}  // namespace cli
