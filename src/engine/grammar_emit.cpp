// Expressions -> states, built from the end backwards: emit(expr, next) is the state that matches expr and goes on at
// next.
#include <algorithm>
#include <array>

#include "engine/grammar_program.h"

namespace hearth::grammar {
namespace {

struct Utf8Range {
  size_t bytes;
  std::array<std::pair<uint8_t, uint8_t>, 4> at;
};

size_t length_of(uint32_t point) { return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4; }

std::array<uint8_t, 4> utf8(uint32_t point) {
  const auto low = [&](int shift) { return static_cast<uint8_t>(0x80 | (point >> shift & 0x3F)); };
  switch (length_of(point)) {
    case 1:
      return {static_cast<uint8_t>(point)};
    case 2:
      return {static_cast<uint8_t>(0xC0 | point >> 6), low(0)};
    case 3:
      return {static_cast<uint8_t>(0xE0 | point >> 12), low(6), low(0)};
    default:
      return {static_cast<uint8_t>(0xF0 | point >> 18), low(12), low(6), low(0)};
  }
}

// The byte ranges that spell low..high: cut where the length changes, at surrogates, and where a continuation byte
// would not run over its whole range.
void utf8_ranges(uint32_t low, uint32_t high, std::vector<Utf8Range>& out) {
  for (const uint32_t last : {0x7Fu, 0x7FFu, 0xD7FFu, 0xFFFFu})
    if (low <= last && high > last) {
      utf8_ranges(low, last, out);
      return utf8_ranges(last + 1, high, out);
    }
  if (low >= 0xD800 && low <= 0xDFFF) {
    if (high > 0xDFFF) utf8_ranges(0xE000, high, out);
    return;
  }
  const size_t bytes = length_of(low);
  for (size_t tail = 1; tail < bytes; ++tail) {
    const uint32_t mask = (1u << (6 * tail)) - 1;
    if ((low & ~mask) == (high & ~mask)) continue;
    if ((low & mask) != 0) {
      utf8_ranges(low, low | mask, out);
      return utf8_ranges((low | mask) + 1, high, out);
    }
    if ((high & mask) != mask) {
      utf8_ranges(low, (high & ~mask) - 1, out);
      return utf8_ranges(high & ~mask, high, out);
    }
  }
  const auto first = utf8(low), last = utf8(high);
  Utf8Range range{bytes, {}};
  for (size_t i = 0; i < bytes; ++i) range.at[i] = {first[i], last[i]};
  out.push_back(range);
}

const CharSet& plain_in_json() {  // what a JSON string may hold as it is
  static const CharSet kSet = make_set({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kMaxChar}});
  return kSet;
}

class Emitter {
 public:
  Emitter(const RuleSet& rules, std::string_view who) : rules_(rules), who_(who) { program_.states.emplace_back(); }

  Result<Program> run() {
    std::vector<uint32_t> entries;
    for (size_t i = 0; i < rules_.rules.size(); ++i) {
      if (!rules_.rules[i]) return error("{}: rule '{}' is used but not defined", who_, rules_.names[i]);
      entries.push_back(emit(*rules_.rules[i], 0));
      if (full_) return error("{}: too large: the grammar needs more than {} states", who_, kMaxStates);
    }
    for (State& state : program_.states)
      if (state.kind == State::Kind::call) state.entry = entries[state.entry];
    program_.start = entries[rules_.root];
    return std::move(program_);
  }

 private:
  uint32_t add(State state) {
    if (program_.states.size() >= kMaxStates) {
      full_ = true;
      return 0;
    }
    program_.states.push_back(state);
    return static_cast<uint32_t>(program_.states.size() - 1);
  }

  uint32_t bytes(const std::vector<ByteEdge>& edges) {
    State state{State::Kind::bytes};
    state.first = static_cast<uint32_t>(program_.edges.size());
    state.count = static_cast<uint32_t>(edges.size());
    if (!full_) program_.edges.insert(program_.edges.end(), edges.begin(), edges.end());
    return add(state);
  }

  void set_targets(uint32_t split, const std::vector<uint32_t>& targets) {
    if (full_) return;
    State& state = program_.states[split];
    state.kind = State::Kind::split;
    state.first = static_cast<uint32_t>(program_.targets.size());
    state.count = static_cast<uint32_t>(targets.size());
    program_.targets.insert(program_.targets.end(), targets.begin(), targets.end());
  }

  uint32_t split(const std::vector<uint32_t>& targets) {
    if (targets.size() == 1) return targets[0];
    const uint32_t state = add({State::Kind::split});
    set_targets(state, targets);
    return state;
  }

  uint32_t emit_literal(std::string_view text, uint32_t next) {
    for (size_t i = text.size(); i-- > 0 && !full_;) {
      const auto byte = static_cast<uint8_t>(text[i]);
      next = bytes({{byte, byte, next}});
    }
    return next;
  }

  void add_plain(const CharSet& set, uint32_t next, std::vector<ByteEdge>& edges) {
    std::vector<Utf8Range> ranges;
    for (const CharRange& range : set) utf8_ranges(range.low, range.high, ranges);
    for (const Utf8Range& range : ranges) {
      uint32_t target = next;
      for (size_t i = range.bytes; i-- > 1;) target = bytes({{range.at[i].first, range.at[i].second, target}});
      edges.push_back({range.at[0].first, range.at[0].second, target});
    }
  }

  // Characters that a JSON string must escape, in their usual spelling: \n, \", \u001f.
  void add_escaped(const CharSet& set, uint32_t next, std::vector<ByteEdge>& edges) {
    static constexpr std::string_view kShort = "\"\\\b\f\n\r\t", kName = "\"\\bfnrt";
    std::vector<ByteEdge> after;
    for (uint32_t point = 0; point < 0x5D; ++point) {
      if (point >= 0x20 && point != '"' && point != '\\') continue;
      if (intersect(set, {{point, point}}).empty()) continue;
      const size_t named = kShort.find(static_cast<char>(point));
      const std::string text =
          named != std::string_view::npos ? std::string(1, kName[named]) : fmt::format("u{:04x}", point);
      const uint32_t rest = emit_literal(std::string_view(text).substr(1), next);
      after.push_back({static_cast<uint8_t>(text[0]), static_cast<uint8_t>(text[0]), rest});
    }
    if (!after.empty()) edges.push_back({'\\', '\\', bytes(after)});
  }

  uint32_t emit_chars(const CharSet& set, Coding coding, uint32_t next) {
    std::vector<ByteEdge> edges;
    if (coding == Coding::plain) {
      add_plain(set, next, edges);
    } else {
      add_plain(intersect(set, plain_in_json()), next, edges);
      add_escaped(set, next, edges);
    }
    return bytes(edges);
  }

  uint32_t hex(int digits, uint32_t next) {
    for (; digits > 0; --digits) next = bytes({{'0', '9', next}, {'A', 'F', next}, {'a', 'f', next}});
    return next;
  }

  uint32_t emit_json_char(uint32_t next) {
    std::vector<ByteEdge> edges;
    add_plain(plain_in_json(), next, edges);
    const uint32_t hex2 = hex(2, next), hex3 = hex(3, next);
    // \uD800-\uDBFF must be followed by \uDC00-\uDFFF; alone neither is a character.
    const uint32_t low_half = bytes({{'C', 'F', hex2}, {'c', 'f', hex2}});
    const uint32_t low = emit_literal("\\u", bytes({{'D', 'D', low_half}, {'d', 'd', low_half}}));
    const uint32_t high_rest = hex(2, low);
    const uint32_t after_d =
        bytes({{'0', '7', hex2}, {'8', '9', high_rest}, {'A', 'B', high_rest}, {'a', 'b', high_rest}});
    const uint32_t unicode = bytes({{'0', '9', hex3},
                                    {'A', 'C', hex3},
                                    {'E', 'F', hex3},
                                    {'a', 'c', hex3},
                                    {'e', 'f', hex3},
                                    {'D', 'D', after_d},
                                    {'d', 'd', after_d}});
    std::vector<ByteEdge> escape;
    for (const char name : std::string_view("\"\\/bfnrt"))
      escape.push_back({static_cast<uint8_t>(name), static_cast<uint8_t>(name), next});
    escape.push_back({'u', 'u', unicode});
    edges.push_back({'\\', '\\', bytes(escape)});
    return bytes(edges);
  }

  // least: 0 or 1
  uint32_t emit_loop(const Expr& body, uint32_t least, uint32_t next) {
    const uint32_t loop = add({State::Kind::split});
    const uint32_t entry = emit(body, loop);
    if (body.kind == Expr::Kind::json_char && !full_) program_.states[entry].text = true;
    set_targets(loop, {entry, next});
    return least == 0 ? loop : entry;
  }

  uint32_t emit_counted(const Expr& body, uint32_t min, uint32_t max, uint32_t next) {
    if (max == 0) return next;
    // A few characters cost less as states than as a frame.
    const bool small = max == 1 || (max <= 8 && (body.kind == Expr::Kind::chars || body.bytes.size() == 1));
    if (!small) {
      State state{State::Kind::repeat};
      state.text = body.kind == Expr::Kind::json_char;
      state.entry = emit(body, 0);
      state.next = next, state.min = min, state.max = max;
      return add(state);
    }
    const uint32_t after = next;
    for (uint32_t i = max; i-- > 0;) {
      next = emit(body, next);
      if (i >= min) next = split({next, after});
    }
    return next;
  }

  uint32_t emit_repeat(const Expr& expr, uint32_t next) {
    const Expr& body = *expr.parts[0];
    if (expr.max != kNoLimit) return emit_counted(body, expr.min, expr.max, next);
    if (expr.min <= 1) return emit_loop(body, expr.min, next);
    return emit_counted(body, expr.min - 1, expr.min - 1, emit_loop(body, 1, next));
  }

  uint32_t emit_network(const Network& network, uint32_t next) {
    std::vector<uint32_t> at;
    for (size_t i = 0; i < network.nodes.size(); ++i) at.push_back(add({State::Kind::split}));
    for (size_t i = 0; i < network.nodes.size() && !full_; ++i) {
      std::vector<uint32_t> targets;
      for (const Network::Edge& edge : network.nodes[i].edges)
        targets.push_back(edge.label ? emit(*edge.label, at[edge.target]) : at[edge.target]);
      if (network.nodes[i].accepts) targets.push_back(next);
      set_targets(at[i], targets);
    }
    return at[0];
  }

  uint32_t emit(const Expr& expr, uint32_t next) {
    if (full_) return 0;
    switch (expr.kind) {
      case Expr::Kind::literal:
        return emit_literal(expr.bytes, next);
      case Expr::Kind::chars:
        return emit_chars(expr.set, expr.coding, next);
      case Expr::Kind::json_char:
        return emit_json_char(next);
      case Expr::Kind::repeat:
        return emit_repeat(expr, next);
      case Expr::Kind::network:
        return emit_network(expr.network, next);
      case Expr::Kind::sequence:
        for (size_t i = expr.parts.size(); i-- > 0;) next = emit(*expr.parts[i], next);
        return next;
      case Expr::Kind::choice: {
        std::vector<uint32_t> targets;
        for (const ExprPtr& part : expr.parts) targets.push_back(emit(*part, next));
        return split(targets);
      }
      case Expr::Kind::rule: {
        State call{State::Kind::call};
        call.entry = expr.rule, call.next = next;
        return add(call);
      }
    }
    return 0;
  }

  const RuleSet& rules_;
  std::string_view who_;
  Program program_;
  bool full_ = false;
};

}  // namespace

Result<Program> emit(const RuleSet& rules, std::string_view who) { return Emitter(rules, who).run(); }

Result<std::shared_ptr<const Program>> compile(const RuleSet& rules, std::string_view who) {
  TRY(Program program, emit(rules, who));
  relax_empty_repeats(program);
  TRY_DONE(check_recursion(program, who));
  TRY_DONE(prune_dead_ends(program, who));
  number_byte_classes(program);
  return std::shared_ptr<const Program>(std::make_shared<Program>(std::move(program)));
}

}  // namespace hearth::grammar
