// Chat: the whole history goes to the engine each time; it computes only what is new.
#include "chat.h"

#include <fmt/format.h>

#include "terminal.h"

namespace cli {
namespace {

constexpr const char* kHelp =
    "/reset        forget the conversation\n"
    "/save FILE    write the conversation as JSON\n"
    "/stats        speed and memory of the last answer\n"
    "/help         this\n"
    "/quit         leave (or Ctrl-D)\n"
    "A line that ends in \\ goes on in the next. Ctrl-C stops an answer.\n";

double number(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 0;
}

double rate(double tokens, double ms) { return ms > 0 ? tokens * 1000 / ms : 0; }

}  // namespace

Chat::Chat(hearth::api::Model model, Json request, const Surroundings& surroundings)
    : model_(std::move(model)), request_(std::move(request)), color_(surroundings.color) {
  if (auto description = model_.describe()) description_ = parse_answer(*description);
  has_template_ = description_.value("has_template", false);
}

void Chat::set_system(const std::string& text) {
  messages_.push_back({{"role", "system"}, {"content", text}});
  kept_ = messages_.size();
}

int Chat::answer(const std::string& prompt) {
  Json request = request_;
  if (raw_) {
    request["prompt"] = prompt;
  } else {
    messages_.push_back({{"role", "user"}, {"content", prompt}});
    request["messages"] = messages_;
  }
  std::string said;
  auto result = model_.generate(dump(request), [&](std::string_view text, const int32_t*, size_t) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    said += text;
    return true;
  });
  if (!said.empty() || result) std::fputc('\n', stdout);
  std::fflush(stdout);
  if (!result) {
    if (!raw_) messages_.erase(messages_.size() - 1);
    return fail(result.error);
  }
  if (!raw_) messages_.push_back({{"role", "assistant"}, {"content", said}});
  stats_ = parse_answer(*result);
  return stats_.value("finish", "") == "cancelled" ? kInterrupted : kDone;
}

int Chat::converse() {
  fmt::print("{} · {} · {} positions · /help\n", description_.value("name", "model"), description_.value("target", ""),
             description_.value("context", 0));
  const Interrupts interrupts(model_);
  bool warned = false;                           // a second Ctrl-C at the prompt leaves
  while (true) {
    fmt::print("{}> {}", color_ ? "\033[1;32m" : "", color_ ? "\033[0m" : "");
    std::fflush(stdout);
    std::string line;
    const Typed typed = read_line(line);
    if (typed == Typed::end || (typed == Typed::interrupted && warned)) {
      std::fputc('\n', stdout);
      return kDone;
    }
    warned = typed == Typed::interrupted;
    if (warned) fmt::print("\n(Ctrl-C again or Ctrl-D leaves)\n");
    if (warned || line.find_first_not_of(" \t") == std::string::npos) continue;
    if (line.front() == '/') {
      if (command(line) == Next::leave) return kDone;
      continue;
    }
    answer(line);                                // a failure has said its line; the chat goes on
  }
}

Chat::Next Chat::command(const std::string& line) {
  const size_t space = line.find(' ');
  const std::string name = line.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', space));
  if (name == "/quit" || name == "/exit" || name == "/bye") return Next::leave;
  if (name == "/help") {
    fmt::print("{}", kHelp);
  } else if (name == "/reset") {
    reset();
  } else if (name == "/stats") {
    print_stats();
  } else if (name == "/save") {
    if (rest.empty()) {
      fail("/save: want the name of a file");
    } else if (save(rest)) {
      fmt::print("saved {} messages to {}\n", messages_.size(), rest);
    }
  } else {
    fail(fmt::format("{}: no such command, /help lists them", name));
  }
  return Next::go_on;
}

bool Chat::save(const std::string& path) const {
  return write_file(path, dump(Json{{"model", description_.value("name", "")}, {"messages", messages_}}, 2) + "\n");
}

void Chat::reset() {
  while (messages_.size() > kept_) messages_.erase(messages_.size() - 1);
  model_.reset();
  fmt::print("forgotten\n");
}

void Chat::print_stats() const {
  fmt::print("memory {} · weights {} · seed {}\n", bytes_text(number(description_, "memory_bytes")),
             bytes_text(number(description_, "weight_bytes")), dump(request_["seed"]));
  if (stats_.is_null()) return;
  const double prompt = number(stats_, "prompt_tokens"), reused = number(stats_, "reused_tokens");
  const double prefill = number(stats_, "prefill_ms"), decode = number(stats_, "decode_ms"), fresh = number(stats_, "new_tokens");
  fmt::print("prompt {:.0f} tokens ({:.0f} reused), {:.1f} ms, {:.1f} tokens/s\n", prompt, reused, prefill,
             rate(prompt - reused, prefill));
  fmt::print("answer {:.0f} tokens, {:.1f} ms, {:.1f} tokens/s · context {:.0f} of {:.0f}\n", fresh, decode, rate(fresh, decode),
             prompt + fresh, number(description_, "context"));
}

}  // namespace cli
