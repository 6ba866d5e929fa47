// GBNF: the grammar notation of llama.cpp.
//
//   root   ::= "yes" | "no" | number     # a comment
//   number ::= [0-9]{1,3} ("." [0-9]+)?
//
// Strings and classes know \n \t \r \" \\ \[ \] \- \^ \xHH \uHHHH \UHHHHHHHH; `.` is any character; * + ? {m} {m,}
// {m,n} repeat; parentheses group; a rule ends with its line unless a parenthesis is open or the line ends in `|`.
#pragma once

#include <string_view>

#include "engine/grammar_expr.h"

namespace hearth::grammar {

Result<RuleSet> parse_gbnf(std::string_view text);

}  // namespace hearth::grammar
