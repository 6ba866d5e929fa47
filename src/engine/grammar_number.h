// Numbers of JSON within bounds, as an automaton over their digits.
#pragma once

#include <optional>
#include <string>

#include "engine/grammar_expr.h"

namespace hearth::grammar {

// A decimal number by its digits: no leading zeros in `whole` ("" for 0), none trailing in `fraction`.
struct Decimal {
  bool negative = false;
  std::string whole, fraction;
  bool is_zero() const { return whole.empty() && fraction.empty(); }
};

// Parses JSON's notation, exponent included; nothing if it has more than 400 digits.
std::optional<Decimal> parse_decimal(std::string_view text);

struct Bound {
  Decimal value;
  bool exclusive = false;
};

struct NumberRange {
  bool integer = false;  // no fraction, no exponent
  std::optional<Bound> low, high;
  std::optional<Decimal> multiple;  // > 0
};

// Numbers in `range`, in plain notation; without any condition also with an exponent. No "-0". Digits are limited so
// that a reader with doubles sees the same order: 15 significant ones (18 for integers without a condition), more where
// a bound has more.
Result<ExprPtr> number_expr(const NumberRange& range, std::string_view who);

}  // namespace hearth::grammar
