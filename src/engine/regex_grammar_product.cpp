// Texts that match several regular expressions at once and have a bounded length: their product automaton.
#include <algorithm>
#include <map>
#include <set>

#include "engine/regex_grammar.h"

namespace hearth::grammar {
namespace {

using Kind = RegexNode::Kind;
constexpr size_t kMaxNfa = 20'000, kMaxProduct = 20'000, kMaxWork = 5'000'000;

uint32_t add_limited(uint64_t a, uint64_t b) { return static_cast<uint32_t>(std::min<uint64_t>(a + b, kNoLimit)); }

// All regexes in one automaton over characters, built from the end backwards; state 0..n-1 are their ends.
struct Nfa {
  struct Node {
    const CharSet* set = nullptr;  // null: moves without a character
    std::vector<uint32_t> targets;
  };
  std::vector<Node> nodes;

  uint32_t add(Node node) {
    if (nodes.size() < kMaxNfa) nodes.push_back(std::move(node));
    return static_cast<uint32_t>(nodes.size() - 1);
  }
  bool full() const { return nodes.size() >= kMaxNfa; }

  uint32_t emit(const RegexNode& regex, uint32_t next) {
    if (full()) return next;
    switch (regex.kind) {
      case Kind::chars:
        return add({&regex.set, {next}});
      case Kind::sequence:
        for (size_t i = regex.parts.size(); i-- > 0;) next = emit(*regex.parts[i], next);
        return next;
      case Kind::choice: {
        std::vector<uint32_t> targets;
        for (const RegexPtr& part : regex.parts) targets.push_back(emit(*part, next));
        return add({nullptr, std::move(targets)});
      }
      case Kind::repeat:
        return emit_repeat(regex, next);
      case Kind::at_start:
      case Kind::at_end:
        break;
    }
    return next;
  }

  uint32_t emit_repeat(const RegexNode& regex, uint32_t next) {
    const uint32_t after = next;
    if (regex.max == kNoLimit) {
      const uint32_t loop = add({nullptr, {next}});
      const uint32_t entry = emit(*regex.parts[0], loop);
      if (!full()) nodes[loop].targets.push_back(entry);
      next = loop;
    } else {
      for (uint32_t i = regex.max; i > regex.min && !full(); --i)
        next = add({nullptr, {emit(*regex.parts[0], next), after}});
    }
    for (uint32_t i = 0; i < regex.min && !full(); ++i) next = emit(*regex.parts[0], next);
    return next;
  }

  void close(std::vector<uint32_t>& set) const {
    std::set<uint32_t> seen(set.begin(), set.end());
    for (size_t i = 0; i < set.size(); ++i)
      if (!nodes[set[i]].set)
        for (const uint32_t target : nodes[set[i]].targets)
          if (seen.insert(target).second) set.push_back(target);
    std::sort(set.begin(), set.end());
  }
};

// The pieces into which the sets of `nfa` cut the characters; inside a piece no set tells characters apart.
std::vector<CharRange> pieces_of(const Nfa& nfa) {
  std::set<uint32_t> cuts{0};
  for (const Nfa::Node& node : nfa.nodes)
    if (node.set)
      for (const CharRange& range : *node.set) cuts.insert({range.low, range.high + 1});
  cuts.erase(kMaxChar + 1);
  std::vector<CharRange> pieces;
  for (auto cut = cuts.begin(); cut != cuts.end(); ++cut)
    pieces.push_back({*cut, std::next(cut) == cuts.end() ? kMaxChar : *std::next(cut) - 1});
  return pieces;
}

class Product {
 public:
  Product(const std::vector<RegexPtr>& regexes, LengthRange length, Coding coding)
      : regexes_(regexes), length_(length), coding_(coding) {}

  Result<ExprPtr> run(std::string_view who) {
    std::vector<uint32_t> start;
    for (size_t i = 0; i < regexes_.size(); ++i) nfa_.add({nullptr, {}});
    for (size_t i = 0; i < regexes_.size(); ++i) start.push_back(nfa_.emit(*regexes_[i], static_cast<uint32_t>(i)));
    pieces_ = pieces_of(nfa_);
    nfa_.close(start);
    if (!nfa_.full()) find(start, 0);
    for (size_t at = 0; at < queue_.size() && fits(); ++at) expand(static_cast<uint32_t>(at));
    if (!fits())
      return error("{}: 'pattern' or 'format' together with its length or another pattern is too large", who);
    return network(std::move(network_));
  }

 private:
  using Key = std::pair<std::vector<uint32_t>, uint32_t>;  // states, characters so far as they matter

  bool fits() const { return !nfa_.full() && queue_.size() <= kMaxProduct && work_ <= kMaxWork; }

  uint32_t find(std::vector<uint32_t> set, uint32_t length) {
    if (length_.max == kNoLimit) length = std::min(length, length_.min);
    const auto [found, fresh] = index_.try_emplace({std::move(set), length}, static_cast<uint32_t>(queue_.size()));
    if (fresh) {
      queue_.push_back(&found->first);
      const std::vector<uint32_t>& states = found->first.first;
      Network::Node node;
      node.accepts = length >= length_.min;
      for (uint32_t i = 0; i < regexes_.size(); ++i)
        node.accepts &= std::binary_search(states.begin(), states.end(), i);
      network_.nodes.push_back(std::move(node));
    }
    return found->second;
  }

  bool dead(const std::vector<uint32_t>& set) const { return set.empty(); }

  void expand(uint32_t at) {
    const Key key = *queue_[at];
    if (key.second >= length_.max) return;
    std::map<uint32_t, CharSet> by_target;
    for (const CharRange& piece : pieces_) {
      std::vector<uint32_t> set;
      for (const uint32_t state : key.first) {
        const Nfa::Node& node = nfa_.nodes[state];
        if (!node.set) continue;
        const auto above = std::upper_bound(node.set->begin(), node.set->end(), piece.low,
                                            [](uint32_t low, const CharRange& range) { return low < range.low; });
        if (above != node.set->begin() && piece.low <= std::prev(above)->high) set.push_back(node.targets[0]);
      }
      work_ += key.first.size();
      std::sort(set.begin(), set.end());
      set.erase(std::unique(set.begin(), set.end()), set.end());
      if (dead(set)) continue;
      nfa_.close(set);
      work_ += set.size();
      by_target[find(std::move(set), key.second + 1)].push_back(piece);
      if (!fits()) return;
    }
    for (auto& [target, ranges] : by_target)
      network_.nodes[at].edges.push_back({chars(make_set(std::move(ranges)), coding_), target});
  }

  const std::vector<RegexPtr>& regexes_;
  LengthRange length_;
  Coding coding_;
  Nfa nfa_;
  std::vector<CharRange> pieces_;
  std::map<Key, uint32_t> index_;
  std::vector<const Key*> queue_;
  Network network_;
  size_t work_ = 0;
};

}  // namespace

LengthRange lengths_of(const RegexNode& regex) {
  if (regex.kind == Kind::chars) return {1, 1};
  if (regex.kind == Kind::at_start || regex.kind == Kind::at_end) return {0, 0};
  if (regex.kind == Kind::repeat) {
    const LengthRange part = lengths_of(*regex.parts[0]);
    const uint64_t max = part.max == 0 || regex.max == 0                 ? 0
                         : part.max == kNoLimit || regex.max == kNoLimit ? kNoLimit
                                                                         : uint64_t{part.max} * regex.max;
    return {add_limited(uint64_t{part.min} * regex.min, 0), add_limited(max, 0)};
  }
  LengthRange all{regex.kind == Kind::choice && !regex.parts.empty() ? kNoLimit : 0, 0};
  for (const RegexPtr& part : regex.parts) {
    const LengthRange one = lengths_of(*part);
    if (regex.kind == Kind::choice) {
      all = {std::min(all.min, one.min), std::max(all.max, one.max)};
    } else {
      all = {add_limited(all.min, one.min), add_limited(all.max, one.max)};
    }
  }
  return all;
}

Result<ExprPtr> intersection(const std::vector<RegexPtr>& regexes, LengthRange length, Coding coding,
                             std::string_view who) {
  return Product(regexes, length, coding).run(who);
}

}  // namespace hearth::grammar
