// Formula: an integer expression over named sizes, read from an artifact and evaluated at run time, always checked.
//
// The text is what ir/dim.h prints:  + - * / %  (floor), min(a, b), max(a, b), parentheses, names, decimal numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

class Formula {
 public:
  Formula() = default;                                       // the constant 0
  // Names must be in `sizes`. Nesting and length are limited; errors say at which character.
  static Result<Formula> parse(std::string_view text, std::span<const std::string> sizes);

  // Value for sizes given in the order of `sizes` at parse time. Overflow and division by zero are errors.
  Result<int64_t> evaluate(std::span<const int64_t> values) const;
  const std::string& text() const { return text_; }

 private:
  struct Step {
    char op = '#';             // '#': push number, '$': push size, + - * / % m M
    int64_t value = 0;
  };
  std::string text_ = "0";
  std::vector<Step> steps_;    // postfix
};

}  // namespace hearth
