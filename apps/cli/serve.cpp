// serve: models behind OpenAI's and Anthropic's APIs, and a chat page, until Ctrl-C.
#include <fmt/format.h>

#include <csignal>
#include <mutex>
#include <thread>

#include "cli.h"
#include "terminal.h"

namespace cli {
namespace {

constexpr int64_t kMiB = 1 << 20;

struct ServeFlags {
  ModelFlags model;
  std::vector<std::string> more, cors, allowed_hosts, adapters;
  std::string host = "127.0.0.1", api_key, api_key_file, alias, access_log;
  int port = 7411;
  int64_t sequences = 0, waiting = -1, kv_mib = 0, memory_mib = 0, idle_s = 0, grace_s = 30;
  bool no_page = false;
};

// NAME=FOLDER of each --lora. On failure the line is printed already.
std::optional<Json> adapters_of(const std::vector<std::string>& given) {
  Json adapters = Json::object();
  for (const std::string& text : given) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
      fail(fmt::format("serve: --lora '{}', want NAME=FOLDER", text));
      return std::nullopt;
    }
    adapters[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return adapters;
}

// The first model takes the flags that are for one; the others share how models are baked and run.
std::optional<Json> models_of(const ServeFlags& flags, const Surroundings& surroundings) {
  const auto adapters = adapters_of(flags.adapters);
  if (!adapters) return std::nullopt;
  Json first = flags.model.options(surroundings);
  if (flags.sequences > 0) first["sequences"] = flags.sequences;
  if (flags.waiting >= 0) first["waiting"] = flags.waiting;
  if (flags.kv_mib > 0) first["kv_bytes"] = flags.kv_mib * kMiB;
  Json models = Json::array();
  for (const std::string& name : flags.more) {
    Json other = first;
    other["model"] = name;
    for (const char* key : {"draft", "lookup", "draft_most"}) other.erase(key);
    models.push_back(std::move(other));
  }
  if (!flags.alias.empty()) first["id"] = flags.alias;
  if (!adapters->empty()) first["adapters"] = *adapters;
  models.insert(models.begin(), std::move(first));
  return models;
}

std::optional<std::string> key_of(const ServeFlags& flags) {
  if (flags.api_key_file.empty()) return flags.api_key;
  auto text = read_file(flags.api_key_file);
  while (text && !text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  return text;
}

std::optional<Json> options_of(const ServeFlags& flags, const Surroundings& surroundings) {
  const auto models = models_of(flags, surroundings);
  const auto key = key_of(flags);
  if (!models || !key) return std::nullopt;
  return Json{{"models", *models},
              {"host", flags.host},
              {"port", flags.port},
              {"api_key", *key},
              {"page", !flags.no_page},
              {"cors", flags.cors},
              {"allowed_hosts", flags.allowed_hosts},
              {"memory_bytes", flags.memory_mib * kMiB},
              {"idle_s", flags.idle_s},
              {"grace_s", flags.grace_s},
              {"access_log", flags.access_log}};
}

// Ctrl-C and SIGTERM stop the server, a second one at once. Threads started later do not see the signals: this one
// takes them.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  void watch(hearth::api::Server& server) {
    thread_ = std::thread([this, &server] {
      for (int number = 0; sigwait(&signals_, &number) == 0 && number != SIGUSR1;) {
        fmt::print(stderr, "hearth: stopping; once more stops at once\n");
        server.stop();
      }
    });
  }
  ~StopSignals() {
    if (!thread_.joinable()) return;
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }

 private:
  sigset_t signals_;
  std::thread thread_;
};

int serve(const ServeFlags& flags, const Surroundings& surroundings) {
  if (flags.model.name(surroundings).empty())
    return fail("serve: no MODEL given, want a folder, a .gguf, a baked file or a name");
  const auto options = options_of(flags, surroundings);
  if (!options) return kUsage;
  StopSignals signals;
  // Models may be loaded, and report, as long as the server lives; the bar is for the first.
  struct Watched {
    std::mutex mutex;
    std::optional<ProgressBar> bar{std::in_place};
  };
  const auto watched = std::make_shared<Watched>();
  auto server = hearth::api::Server::open(dump(*options), [watched](std::string_view stage, double done, double total) {
    const std::lock_guard lock(watched->mutex);
    if (watched->bar) watched->bar->show(stage, done, total);
  });
  {
    const std::lock_guard lock(watched->mutex);
    watched->bar.reset();
  }
  if (!server) return fail(server.error);
  const std::string host = flags.host.find(':') == std::string::npos ? flags.host : "[" + flags.host + "]";
  fmt::print("hearth: serving at http://{}:{}  (chat page; OpenAI's API under /v1; Ctrl-C stops)\n", host,
             server->port());
  std::fflush(stdout);
  signals.watch(*server);
  const auto served = server->run();
  return served ? kDone : fail(served.error);
}

}  // namespace

void add_serve(CLI::App& app, Context& context) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command =
      app.add_subcommand("serve", "serves models to apps and browsers: OpenAI's and Anthropic's APIs, and a chat page");
  flags->model.add_to(*command, ModelFlags::Use::open);
  command->add_option("MORE", flags->more, "more models, loaded when asked for");
  command->add_option(
      "--host", flags->host,
      "address to bind; any other than this device's own can be reached by others (default: 127.0.0.1)");
  command->add_option("--port", flags->port, "port, 0: any that is free (default: 7411)")->check(CLI::Range(0, 65535));
  command->add_option("--api-key", flags->api_key, "only requests with this key are answered");
  command->add_option("--api-key-file", flags->api_key_file, "the same, from a file");
  command->add_option("-a,--alias", flags->alias, "the first model's name in the API");
  command->add_option("--np,--parallel", flags->sequences, "answers at work at once (default: 256)")
      ->check(CLI::Range(1, 256));
  command->add_option("--queue", flags->waiting, "requests that may wait; more are refused with 429 (default: 256)")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--kv-memory", flags->kv_mib,
                      "MiB for keys and values of all answers (default: by the machine's memory)");
  command->add_option("--memory", flags->memory_mib,
                      "MiB for all loaded models; idle ones make room (default: no bound)");
  command->add_option("--unload-after", flags->idle_s,
                      "seconds without a request after which a model is unloaded (default: never)");
  command->add_option("--lora", flags->adapters,
                      "NAME=FOLDER of a LoRA adapter (PEFT) for the first model; repeatable");
  command->add_option("--cors", flags->cors, "origin whose pages may call the API, * for all; repeatable");
  command->add_option("--allow-host", flags->allowed_hosts,
                      "name under which the server may be asked beside localhost; repeatable");
  command->add_option("--access-log", flags->access_log,
                      "file for a line a request, - for standard error; never what was said");
  command->add_option("--grace", flags->grace_s,
                      "seconds that running answers get when the server stops (default: 30)");
  command->add_flag("--no-page", flags->no_page, "no chat page at /");
  command->callback([flags, &context] { context.exit = serve(*flags, context.surroundings); });
}

}  // namespace cli
