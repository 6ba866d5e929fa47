// What every grammar language is turned into: expressions over characters, and named rules that may call each other.
//
// Expressions are immutable and shared; sharing costs states again at every use, so what is used twice becomes a rule.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::grammar {

struct CharRange {
  uint32_t low, high;  // code points, both included
  bool operator==(const CharRange&) const = default;
};
using CharSet = std::vector<CharRange>;  // sorted, disjoint, not adjacent

constexpr uint32_t kMaxChar = 0x10FFFF;
constexpr uint32_t kNoLimit = 0xFFFFFFFF;

CharSet make_set(std::vector<CharRange> ranges);
CharSet complement(const CharSet& set);  // of all code points; surrogates are never in a text
CharSet intersect(const CharSet& a, const CharSet& b);
CharSet unite(const CharSet& a, const CharSet& b);

// How a character is written: as itself, or as inside a JSON string (quotes, backslashes and controls escaped).
enum class Coding { plain, json };

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

// A graph of expressions: from node 0, along edges, to any accepting node.
struct Network {
  struct Edge {
    ExprPtr label;  // null: nothing is consumed
    uint32_t target;
  };
  struct Node {
    std::vector<Edge> edges;
    bool accepts = false;
  };
  std::vector<Node> nodes;
};

struct Expr {
  enum class Kind {
    literal,    // bytes
    chars,      // one character of `set`, written as `coding` says
    json_char,  // one character of a JSON string in any of its spellings
    sequence,   // parts, one after the other
    choice,     // one of parts; none of none
    repeat,     // parts[0], min to max times (kNoLimit: no end)
    rule,       // rule number `rule`
    network,
  };
  Kind kind;
  std::string bytes;
  CharSet set;
  Coding coding = Coding::plain;
  std::vector<ExprPtr> parts;
  uint32_t min = 0, max = 0;
  uint32_t rule = 0;
  Network network;
};

ExprPtr literal(std::string bytes);
ExprPtr chars(CharSet set, Coding coding = Coding::plain);
ExprPtr json_char();
ExprPtr sequence(std::vector<ExprPtr> parts);
ExprPtr choice(std::vector<ExprPtr> parts);
ExprPtr repeat(ExprPtr part, uint32_t min, uint32_t max);
ExprPtr optional(ExprPtr part);
ExprPtr rule(uint32_t index);
ExprPtr network(Network nodes);
ExprPtr nothing();  // matches no text at all
// One of `texts` (UTF-8), as a trie: thousands of them cost one way at a time, not thousands.
ExprPtr any_of(const std::vector<std::string>& texts);

struct RuleSet {
  std::vector<ExprPtr> rules;      // null until defined
  std::vector<std::string> names;  // for errors
  uint32_t root = 0;

  uint32_t declare(std::string name) {
    rules.emplace_back();
    names.push_back(std::move(name));
    return static_cast<uint32_t>(rules.size() - 1);
  }
  uint32_t add(std::string name, ExprPtr body) {
    const uint32_t index = declare(std::move(name));
    rules[index] = std::move(body);
    return index;
  }
};

// Adds the rules of `from` to `into`; says which of them is its root there.
uint32_t import_rules(RuleSet& into, const RuleSet& from);

// The code points of well-formed UTF-8 text; what is not well-formed is an error of `who`.
Result<std::vector<uint32_t>> code_points(std::string_view text, std::string_view who);

}  // namespace hearth::grammar
