// check(): our own bug. Prints where and why, then aborts; never used for bad input.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace hearth {

[[noreturn]] inline void check_failed(const char* file, int line, const std::string& why) {
  std::fprintf(stderr, "hearth: bug at %s:%d: %s\n", file, line, why.c_str());
  std::abort();
}

// CHECK(n > 0, "lanes of '{}' is {}", name, n);
#define CHECK(condition, ...)                                                            \
  do {                                                                                   \
    if (!(condition)) ::hearth::check_failed(__FILE__, __LINE__, fmt::format(__VA_ARGS__)); \
  } while (false)

}  // namespace hearth
