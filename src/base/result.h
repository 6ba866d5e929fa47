// Result<T>: a value, or one line that says who failed, what was found and what was expected.
//
// Our code never throws. A function that can fail on bad input returns Result<T>; a broken promise of
// our own code goes to check() (check.h) instead.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>

namespace hearth {

// What went wrong, ready for a person: `weights: 'lm_head.weight': got 2 axes, want 1`.
struct Error {
  std::string text;
};

// Builds an Error from a format string: error("gguf: '{}': got version {}, want 3", path, version).
template <class... Args>
Error error(fmt::format_string<Args...> format, Args&&... args) {
  return Error{fmt::format(format, std::forward<Args>(args)...)};
}

// The value of a function that returns nothing but can fail: Result<Done>.
struct Done {};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}    // NOLINT: implicit on purpose
  Result(Error failure) : state_(std::in_place_index<1>, std::move(failure)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& failure() const { return std::get<1>(state_); }
  const std::string& message() const { return failure().text; }

  // The same failure with a prefix: who was at work when it happened.
  Error within(const std::string& who) const { return Error{who + ": " + message()}; }

 private:
  std::variant<T, Error> state_;
};

#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)
#define HEARTH_TRY_(tmp, decl, expr)        \
  auto tmp = (expr);                        \
  if (!tmp.ok()) return tmp.failure();      \
  decl = std::move(*tmp)

// TRY(Config config, parse_config(text));   returns the failure to our caller, or declares the value.
#define TRY(decl, ...) HEARTH_TRY_(HEARTH_CONCAT(result_, __COUNTER__), decl, (__VA_ARGS__))
// TRY_DONE(write(file));   the same for Result<Done>.
#define TRY_DONE(...)                                                   \
  do {                                                                  \
    auto result_ = (__VA_ARGS__);                                       \
    if (!result_.ok()) return result_.failure();                        \
  } while (false)

}  // namespace hearth
