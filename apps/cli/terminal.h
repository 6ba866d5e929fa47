// Terminal: is there one, lines typed by a person, Ctrl-C, and a progress bar.
#pragma once

#include <string>
#include <string_view>

#include "hearth.hpp"

namespace cli {

bool is_terminal(int descriptor);

// While one lives, Ctrl-C stops the model's answer instead of the program.
class Interrupts {
 public:
  explicit Interrupts(const hearth::api::Model& model);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
};

enum class Typed { line, end, interrupted };
// Reads a line of stdin without its newline; a line that ends in a backslash goes on in the next.
Typed read_line(std::string& line);
// All of stdin.
std::string read_all();

// A bar on stderr, drawn on a terminal only; goes away when it dies.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  void show(std::string_view stage, double done, double total);

 private:
  bool visible_;
  int percent_ = -1;
  std::string stage_;
};

}  // namespace cli
