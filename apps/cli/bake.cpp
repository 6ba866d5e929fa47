// bake: writes a model and the code to run it into one file.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "cli.h"
#include "terminal.h"

namespace cli {
namespace {

struct BakeFlags {
  ModelFlags model;
  std::string out;
};

// How long the stages took that bakers report: one ends when the next begins or with its last report.
class Stages {
 public:
  void report(std::string_view stage) {
    const auto now = std::chrono::steady_clock::now();
    if (stage == "compile") compiled_ = now;
    if (stage == "weights") poured_ = now;
  }
  double compile_seconds() const { return seconds(begun_, compiled_); }
  double weights_seconds() const { return seconds(compiled_, poured_); }

 private:
  using Time = std::chrono::steady_clock::time_point;
  static double seconds(Time from, Time to) { return std::max(0.0, std::chrono::duration<double>(to - from).count()); }
  Time begun_ = std::chrono::steady_clock::now(), compiled_ = begun_, poured_ = begun_;
};

int bake(const BakeFlags& flags, const Surroundings& surroundings) {
  if (flags.model.name(surroundings).empty()) return fail("bake: no MODEL given, want a folder, a .gguf or a name");
  Json options = flags.model.options(surroundings, ModelFlags::Use::bake);
  options["out"] = flags.out;
  ProgressBar bar;
  Stages stages;
  std::mutex mutex;                              // bakers report from any thread
  const auto baked = hearth::api::bake(dump(options), [&](std::string_view stage, double done, double total) {
    const std::lock_guard lock(mutex);
    bar.show(stage, done, total);
    stages.report(stage);
  });
  if (!baked) return fail(baked.error);
  std::error_code unknown;
  const auto bytes = static_cast<double>(std::filesystem::file_size(flags.out, unknown));
  fmt::print("baked {}: code in {:.2f} s, weights in {:.2f} s, {:.1f} MB\n", flags.out, stages.compile_seconds(),
             stages.weights_seconds(), unknown ? 0 : bytes / 1e6);
  return kDone;
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
