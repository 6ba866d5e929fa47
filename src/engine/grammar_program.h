// The automaton of a grammar: states over bytes, calls that push a frame, and counted repetition.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/grammar_expr.h"

namespace hearth::grammar {

struct ByteEdge {
  uint8_t low, high;
  uint32_t target;
};

// Laws: `end` is state 0 and closes the innermost frame; counted repetition always has a finite max and min <= max; a
// repeat whose body may be empty has min 0; from every state reachable from `start` a complete text can be reached, and
// no state reaches itself through a call without consuming a byte.
struct State {
  enum class Kind : uint8_t { end, bytes, split, call, repeat };
  Kind kind = Kind::end;
  bool text = false;  // bytes: a JSON string's character that loops to itself; repeat: its body is that character
  uint32_t first = 0, count = 0;  // bytes: in edges; split: in targets
  uint32_t entry = 0, next = 0;   // call, repeat: the body's first state; where it goes on
  uint32_t min = 0, max = 0;      // repeat
};

struct Program {
  std::vector<State> states;
  std::vector<ByteEdge> edges;
  std::vector<uint32_t> targets;
  uint32_t start = 0;
  uint8_t byte_class[256] = {};  // bytes that no edge tells apart share a class
  uint32_t classes = 0;
};

constexpr size_t kMaxStates = 500'000;

// The automaton of `rules`, pruned and checked; `who` starts the error's line.
Result<std::shared_ptr<const Program>> compile(const RuleSet& rules, std::string_view who);

// The parts of compile() (grammar_emit.cpp, grammar_check.cpp).
Result<Program> emit(const RuleSet& rules, std::string_view who);
Result<Done> check_recursion(const Program& program, std::string_view who);  // refuses left recursion; after nullable
void relax_empty_repeats(Program& program);                                  // min 0 where the body may be empty
Result<Done> prune_dead_ends(Program& program, std::string_view who);
void number_byte_classes(Program& program);

}  // namespace hearth::grammar
