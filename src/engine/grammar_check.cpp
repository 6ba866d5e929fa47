// What makes an automaton safe to run: no left recursion, no dead ends, no repetition of nothing.
#include <algorithm>

#include "engine/grammar_program.h"

namespace hearth::grammar {
namespace {

using Kind = State::Kind;

// Marks every state for which `holds(state, marked)` becomes true, following who depends on whom: linear in the edges.
template <class Holds, class Needs>
std::vector<bool> spread(const Program& program, const Holds& holds, const Needs& needs) {
  const size_t count = program.states.size();
  std::vector<uint32_t> first(count + 1, 0), users;
  for (uint32_t s = 0; s < count; ++s) needs(s, [&](uint32_t other) { ++first[other + 1]; });
  for (size_t i = 0; i < count; ++i) first[i + 1] += first[i];
  users.resize(first[count]);
  std::vector<uint32_t> at(first.begin(), first.end() - 1);
  for (uint32_t s = 0; s < count; ++s) needs(s, [&](uint32_t other) { users[at[other]++] = s; });

  std::vector<bool> marked(count, false);
  std::vector<uint32_t> work;
  const auto look = [&](uint32_t s) {
    if (marked[s] || !holds(program.states[s], marked)) return;
    marked[s] = true;
    work.push_back(s);
  };
  for (uint32_t s = 0; s < count; ++s) look(s);
  while (!work.empty()) {
    const uint32_t s = work.back();
    work.pop_back();
    for (uint32_t i = first[s]; i < first[s + 1]; ++i) look(users[i]);
  }
  return marked;
}

// Calls `use` with every state that `s` mentions.
template <class Use>
void for_mentioned(const Program& program, uint32_t s, const Use& use) {
  const State& state = program.states[s];
  if (state.kind == Kind::bytes)
    for (uint32_t i = 0; i < state.count; ++i) use(program.edges[state.first + i].target);
  if (state.kind == Kind::split)
    for (uint32_t i = 0; i < state.count; ++i) use(program.targets[state.first + i]);
  if (state.kind == Kind::call || state.kind == Kind::repeat) use(state.entry), use(state.next);
}

// Can the frame's end be reached without a byte?
enum class ByteEdges { stop, lead_on };

// States from which the end can be reached, through byte edges or without any.
std::vector<bool> find_ending(const Program& program, ByteEdges edges) {
  const auto any_target = [&](const auto& list, const State& state, const auto& is_marked) {
    return std::any_of(list.begin() + state.first, list.begin() + state.first + state.count, is_marked);
  };
  const auto holds = [&](const State& state, const std::vector<bool>& marked) {
    switch (state.kind) {
      case Kind::end:
        return true;
      case Kind::bytes:
        return edges == ByteEdges::lead_on &&
               any_target(program.edges, state, [&](const ByteEdge& edge) { return marked[edge.target]; });
      case Kind::split:
        return any_target(program.targets, state, [&](uint32_t target) { return marked[target]; });
      case Kind::call:
        return marked[state.entry] && marked[state.next];
      case Kind::repeat:
        return (state.min == 0 || marked[state.entry]) && marked[state.next];
    }
    return false;
  };
  return spread(program, holds, [&](uint32_t s, const auto& use) { for_mentioned(program, s, use); });
}

std::vector<bool> find_nullable(const Program& program) { return find_ending(program, ByteEdges::stop); }
std::vector<bool> find_productive(const Program& program) { return find_ending(program, ByteEdges::lead_on); }

// Where `s` goes without a byte; the first `entered` of them enter a frame.
std::vector<uint32_t> silent(const Program& program, uint32_t s, const std::vector<bool>& nullable, size_t& entered) {
  const State& state = program.states[s];
  entered = 0;
  if (state.kind == Kind::split)
    return {program.targets.begin() + state.first, program.targets.begin() + state.first + state.count};
  if (state.kind != Kind::call && state.kind != Kind::repeat) return {};
  entered = 1;
  std::vector<uint32_t> to{state.entry};
  if (nullable[state.entry] || (state.kind == Kind::repeat && state.min == 0)) to.push_back(state.next);
  return to;
}

// Numbers the strongly connected parts of the silent moves (Tarjan, without recursion).
std::vector<uint32_t> silent_parts(const Program& program, const std::vector<bool>& nullable) {
  const size_t count = program.states.size();
  std::vector<uint32_t> order(count, 0), low(count, 0), part(count, 0), stack;
  std::vector<bool> open(count, false);
  struct Visit {
    uint32_t state;
    std::vector<uint32_t> to;
    size_t at;
  };
  uint32_t clock = 0, parts = 0;
  std::vector<Visit> visits;
  const auto enter = [&](uint32_t s) {
    size_t entered;
    order[s] = low[s] = ++clock;
    open[s] = true;
    stack.push_back(s);
    visits.push_back({s, silent(program, s, nullable, entered), 0});
  };
  for (uint32_t root = 0; root < count; ++root) {
    if (order[root] == 0) enter(root);
    while (!visits.empty()) {
      Visit& visit = visits.back();
      const uint32_t s = visit.state;
      if (visit.at < visit.to.size()) {
        const uint32_t target = visit.to[visit.at++];
        if (order[target] == 0)
          enter(target);
        else if (open[target])
          low[s] = std::min(low[s], order[target]);
        continue;
      }
      visits.pop_back();
      if (!visits.empty()) low[visits.back().state] = std::min(low[visits.back().state], low[s]);
      if (low[s] != order[s]) continue;
      ++parts;
      for (uint32_t member = kNoLimit; member != s; stack.pop_back()) {
        member = stack.back();
        open[member] = false;
        part[member] = parts;
      }
    }
  }
  return part;
}

}  // namespace

void relax_empty_repeats(Program& program) {
  const std::vector<bool> nullable = find_nullable(program);
  for (State& state : program.states)
    if (state.kind == Kind::repeat && nullable[state.entry]) state.min = 0;
}

Result<Done> check_recursion(const Program& program, std::string_view who) {
  const std::vector<bool> nullable = find_nullable(program);
  const std::vector<uint32_t> part = silent_parts(program, nullable);
  for (uint32_t s = 0; s < program.states.size(); ++s) {
    size_t entered;
    const std::vector<uint32_t> to = silent(program, s, nullable, entered);
    for (size_t i = 0; i < entered; ++i)
      if (part[to[i]] == part[s])
        return error("{}: left recursion: a rule calls itself before it consumes anything; put what it consumes first",
                     who);
  }
  return Done{};
}

Result<Done> prune_dead_ends(Program& program, std::string_view who) {
  const std::vector<bool> productive = find_productive(program);
  if (!productive[program.start]) return error("{}: nothing can ever match: no finite text satisfies it", who);
  for (State& state : program.states) {
    if (state.kind == Kind::bytes) {
      const auto begin = program.edges.begin() + state.first;
      state.count = static_cast<uint32_t>(
          std::remove_if(begin, begin + state.count, [&](const ByteEdge& edge) { return !productive[edge.target]; }) -
          begin);
    } else if (state.kind == Kind::split) {
      const auto begin = program.targets.begin() + state.first;
      state.count = static_cast<uint32_t>(
          std::remove_if(begin, begin + state.count, [&](uint32_t target) { return !productive[target]; }) - begin);
    } else if (state.kind == Kind::repeat && !productive[state.entry]) {
      state.max = 0;  // zero times is the only way, and min is 0 or the state is dead itself
    }
  }
  return Done{};
}

void number_byte_classes(Program& program) {
  bool starts[257] = {};
  starts[0] = true;
  for (const State& state : program.states)
    if (state.kind == Kind::bytes)
      for (uint32_t i = 0; i < state.count; ++i) {
        const ByteEdge& edge = program.edges[state.first + i];
        starts[edge.low] = true;
        starts[edge.high + 1] = true;
      }
  uint32_t number = 0;
  for (int byte = 0; byte < 256; ++byte) {
    if (starts[byte] && byte > 0) ++number;
    program.byte_class[byte] = static_cast<uint8_t>(number);
  }
  program.classes = number + 1;
}

}  // namespace hearth::grammar
