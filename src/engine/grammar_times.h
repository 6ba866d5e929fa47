// How often a part may come: what stands between the braces of x{2}, x{2,} and x{2,5}, in patterns and in GBNF.
#pragma once

#include <span>

#include "engine/grammar_expr.h"

namespace hearth::grammar {

struct Times {
  uint32_t min = 0, max = kNoLimit;
};

// Reads on from `at`, behind the opening brace, until behind the closing one. A failure leaves `at` where it was seen
// and says what is wrong, not where.
Result<Times> read_times(std::span<const uint32_t> text, size_t& at);

}  // namespace hearth::grammar
