// Regular expressions as grammars: the common syntax of ECMAScript, over whole characters.
//
// Supported: literals, `.`, classes with ranges and \d \D \w \W \s \S, escapes (\n \t \r \f \v \0 \cX \xHH \uHHHH
// \u{H}), groups (plain, (?:...), named), alternation, * + ? {m} {m,} {m,n} (lazy forms match the same texts), and the
// anchors ^ $ at the ends of a pattern or of its alternatives. Look-around, back references, \b and \p{...} are errors
// that name them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/grammar_expr.h"

namespace hearth::grammar {

struct RegexNode;
using RegexPtr = std::shared_ptr<const RegexNode>;
struct RegexNode {
  enum class Kind { chars, sequence, choice, repeat, at_start, at_end };
  Kind kind;
  CharSet set;
  std::vector<RegexPtr> parts;
  uint32_t min = 0, max = 0;
};

// The syntax tree with its anchors resolved: what remains matches whole texts.
enum class Match {
  whole,
  search
};  // search: the pattern may be found anywhere in the text, as JSON Schema's `pattern`
Result<RegexPtr> parse_regex(std::string_view pattern, Match match, std::string_view who);

ExprPtr expression_of(const RegexNode& regex, Coding coding);
Result<ExprPtr> whole_regex(std::string_view pattern, std::string_view who);

// Bounds on the characters of what `regex` matches; max is kNoLimit where there is none.
struct LengthRange {
  uint32_t min, max;
};
LengthRange lengths_of(const RegexNode& regex);

// Texts that match all of `regexes` and have `length` characters: their product automaton. An error if it is too large.
Result<ExprPtr> intersection(const std::vector<RegexPtr>& regexes, LengthRange length, Coding coding,
                             std::string_view who);

}  // namespace hearth::grammar
