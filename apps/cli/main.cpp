// hearth: bakes and runs language models; one file a command.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "cli.h"
#include "terminal.h"

namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// models/ember beside us: in the folder we stand in, or in the checkout this binary was built in.
std::string find_embedded() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  for (const fs::path& path : {fs::path("models/ember"), program.parent_path().parent_path() / "models/ember"}) {
    if (fs::is_directory(path, failed)) return path.string();
  }
  return "";
}

cli::Surroundings look_around() {
  cli::Surroundings around;
  const std::string home = variable("HOME"), cache = variable("XDG_CACHE_HOME"), hub = variable("HF_HOME");
  if (!cache.empty()) {
    around.cache = cache + "/hearth";
  } else if (!home.empty()) {
    around.cache = home + "/.cache/hearth";
  }
  if (!hub.empty()) around.hub.push_back(hub + "/hub");
  if (!home.empty()) around.hub.push_back(home + "/.cache/huggingface/hub");
  around.embedded = find_embedded();
  around.color = cli::is_terminal(1) && variable("NO_COLOR").empty();
  return around;
}

// llama.cpp has short flags of two letters; the parser takes those with two dashes only.
std::vector<const char*> with_long_flags(int argc, char** argv) {
  std::vector<const char*> words(argv, argv + argc);
  for (const char*& word : words) {
    if (word == std::string_view("-np")) word = "--np";
    if (word == std::string_view("-md")) word = "--md";
  }
  return words;
}

}  // namespace

int main(int argc, char** argv) {
  cli::Context context{look_around()};
  CLI::App app{"Hearth bakes a language model into native code for this machine, and talks to it.", "hearth"};
  app.set_version_flag("--version", std::string("hearth ") + hearth_version());
  app.require_subcommand(1);
  app.footer("Exit codes: 0 done, 1 failed, 2 wrong command line, 130 stopped by Ctrl-C.");
  for (const auto add : {cli::add_run, cli::add_bake, cli::add_show, cli::add_bench, cli::add_perplexity, cli::add_tokenize,
                         cli::add_template, cli::add_logits, cli::add_doctor, cli::add_serve, cli::add_top}) {
    add(app, context);
  }
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const bool known = argc < 2 || argv[1][0] == '-' ||
                     std::any_of(commands.begin(), commands.end(), [&](const CLI::App* one) { return one->check_name(argv[1]); });
  if (!known) {
    cli::fail(std::string("'") + argv[1] + "': no such command (hearth --help)");
    return cli::kUsage;
  }
  try {
    const std::vector<const char*> words = with_long_flags(argc, argv);
    app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return app.exit(problem);       // --help, --version
    cli::fail(std::string(problem.what()) + " (hearth --help)");
    return cli::kUsage;
  } catch (const std::exception& problem) {
    return cli::fail(problem.what());
  }
  return context.exit;
}
