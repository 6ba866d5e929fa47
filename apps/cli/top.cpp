// top: what a running `hearth serve` does, live: models, memory, queues, speed, the last requests.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>

#include "cli.h"
#include "http_get.h"
#include "terminal.h"

namespace cli {
namespace {

constexpr size_t kShownRequests = 15;
constexpr int kBarWidth = 24;

struct TopFlags {
  Address address;
  double interval_s = 1;
  bool once = false, json = false;
};

std::string time_text(double ms) {
  return ms < 1000 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} s", ms / 1000);
}

std::string age_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string bar(double part, double whole) {
  const int full = whole > 0 ? static_cast<int>(part / whole * kBarWidth + 0.5) : 0;
  std::string text;
  for (int i = 0; i < kBarWidth; ++i) text += i < full ? "█" : "░";
  return text;
}

// Names come from others: a terminal must not obey them.
std::string plain(std::string text, size_t width) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
  return text.size() > width ? text.substr(0, width - 1) + "~" : text;
}

std::string model_lines(const Json& model) {
  const double used = model.value("kv_pages_used", 0.0), cached = model.value("kv_pages_cached", 0.0),
               total = model.value("kv_pages_total", 0.0);
  const double hit = model.value("cached_tokens_hit", 0.0), prompt = model.value("prompt_tokens", 0.0);
  const double drafted = model.value("drafted_tokens", 0.0);
  std::string text = fmt::format("{:<28} {:<9} weights {:>9}  running {:>3}  waiting {:>3}  requests {}\n",
                                 plain(model.value("id", ""), 28), model.value("state", ""),
                                 bytes_text(model.value("weights_bytes", 0.0)), model.value("running", 0),
                                 model.value("waiting", 0), model.value("requests", int64_t{0}));
  if (model.value("state", "") != "ready") return text;
  text +=
      fmt::format("  KV {} {:.0f} of {:.0f} pages, {:.0f} cached   prompt {}  generated {}  from cache {:.0f}%",
                  bar(used, total), used, total, cached, count_text(prompt),
                  count_text(model.value("generated_tokens", 0.0)), prompt + hit > 0 ? 100 * hit / (prompt + hit) : 0);
  if (drafted > 0)
    text += fmt::format("  drafts accepted {:.0f}%", 100 * model.value("accepted_tokens", 0.0) / drafted);
  return text + "\n";
}

std::string request_line(const Json& request) {
  const double decode_ms = request.value("decode_ms", 0.0), tokens = request.value("generated_tokens", 0.0);
  return fmt::format("{:<20} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7} {:>8.1f}  {}\n", plain(request.value("model", ""), 20),
                     time_text(request.value("queue_ms", 0.0)), time_text(request.value("prefill_ms", 0.0)),
                     time_text(decode_ms), request.value("prompt_tokens", 0), request.value("cached_tokens", 0),
                     request.value("generated_tokens", 0), decode_ms > 0 ? tokens * 1000 / decode_ms : 0,
                     request.value("finish", ""));
}

std::string screen(const Json& status, const Json& traces) {
  const Json speed = status.value("tokens_per_s", Json::object()), memory = status.value("memory", Json::object());
  std::string text = fmt::format("hearth {}  up {}  {}  memory {}\n", status.value("version", ""),
                                 age_text(status.value("uptime_s", 0.0)), plain(status.value("network", ""), 40),
                                 bytes_text(memory.value("resident_bytes", 0.0)));
  text += fmt::format("tokens a second, last 10 s: prompt {:.1f}, generated {:.1f}\n\n", speed.value("prompt", 0.0),
                      speed.value("generated", 0.0));
  for (const Json& model : status.value("models", Json::array())) text += model_lines(model);
  text += fmt::format("\n{:<20} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7} {:>8}  {}\n", "last requests", "queue", "prefill",
                      "decode", "prompt", "cached", "new", "tok/s", "end");
  for (const Json& request : traces.value("requests", Json::array())) text += request_line(request);
  return text;
}

int top(const TopFlags& flags) {
  const bool live = !flags.once && !flags.json && is_terminal(1);
  while (true) {
    const auto status = http_get(flags.address, "/hearth/status");
    if (!status) return fail("top: " + status.error);
    const auto traces = http_get(flags.address, fmt::format("/hearth/traces?last={}", kShownRequests));
    if (!traces) return fail("top: " + traces.error);
    const Json now = Json::parse(*status.value, nullptr, false), last = Json::parse(*traces.value, nullptr, false);
    if (!now.is_object() || !last.is_object()) return fail("top: the answer is no JSON; is this a hearth server?");
    if (flags.json) {
      fmt::print("{}\n", dump(Json{{"status", now}, {"traces", last}}));
    } else {
      fmt::print("{}{}", live ? "\x1b[H\x1b[2J" : "", screen(now, last));
    }
    std::fflush(stdout);
    if (flags.once || !live) return kDone;
    std::this_thread::sleep_for(std::chrono::duration<double>(flags.interval_s));
  }
}

}  // namespace

void add_top(CLI::App& app, Context& context) {
  auto flags = std::make_shared<TopFlags>();
  CLI::App* command = app.add_subcommand(
      "top", "shows what a running `hearth serve` does: models, memory, queues, speed, the last requests");
  command->add_option("--host", flags->address.host, "where it serves (default: 127.0.0.1)");
  command->add_option("--port", flags->address.port, "its port (default: 7411)")->check(CLI::Range(1, 65535));
  command->add_option("--api-key", flags->address.api_key, "its key, if it has one");
  command->add_option("--interval", flags->interval_s, "seconds between two looks (default: 1)")
      ->check(CLI::Range(0.1, 3600.0));
  command->add_flag("--once", flags->once, "one look, then end (also when piped)");
  command->add_flag("--json", flags->json, "one look as JSON");
  command->callback([flags, &context] { context.exit = top(*flags); });
}

}  // namespace cli
