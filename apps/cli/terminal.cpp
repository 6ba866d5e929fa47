// Terminal: plain POSIX; the signal handler only sets flags.
#include "terminal.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace cli {
namespace {

// A signal handler can reach nothing else.
std::atomic<hearth_model*> interrupted_model = nullptr;

void on_interrupt(int) { hearth_cancel(interrupted_model); }

void handle_interrupts(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;                   // no SA_RESTART: a waiting read must return
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

Interrupts::Interrupts(const hearth::api::Model& model) {
  interrupted_model = model.get();
  handle_interrupts(on_interrupt);
}

Interrupts::~Interrupts() {
  handle_interrupts(SIG_DFL);
  interrupted_model = nullptr;
}

Typed read_line(std::string& line) {
  line.clear();
  while (true) {
    char letter = 0;
    const ssize_t got = read(0, &letter, 1);
    if (got < 0 && errno == EINTR) return Typed::interrupted;
    if (got <= 0) return line.empty() ? Typed::end : Typed::line;
    if (letter != '\n') {
      line += letter;
    } else if (!line.empty() && line.back() == '\\') {
      line.back() = '\n';
    } else {
      return Typed::line;
    }
  }
}

std::string read_all() {
  std::string text;
  char buffer[65536];
  while (true) {
    const ssize_t got = read(0, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

ProgressBar::ProgressBar() : visible_(is_terminal(2)) {}

ProgressBar::~ProgressBar() {
  if (visible_ && percent_ >= 0) fmt::print(stderr, "\r\033[K");
}

void ProgressBar::show(std::string_view stage, double done, double total) {
  constexpr int kWidth = 32;
  const int percent = total > 0 ? static_cast<int>(100 * std::min(1.0, done / total)) : 0;
  if (!visible_ || (percent == percent_ && stage == stage_)) return;
  percent_ = percent;
  stage_ = stage;
  const int filled = kWidth * percent / 100;
  fmt::print(stderr, "\r\033[K{:<8} [{:#<{}}{:<{}}] {:3}%", stage, "", filled, "", kWidth - filled, percent);
  std::fflush(stderr);
}

}  // namespace cli
