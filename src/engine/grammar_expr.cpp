// Sets of characters and the expressions of grammars.
#include "engine/grammar_expr.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace hearth::grammar {
namespace {

std::shared_ptr<Expr> make(Expr::Kind kind) {
  auto made = std::make_shared<Expr>();
  made->kind = kind;
  return made;
}

}  // namespace

CharSet make_set(std::vector<CharRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const CharRange& a, const CharRange& b) { return a.low < b.low; });
  CharSet set;
  for (const CharRange& range : ranges) {
    if (range.low > range.high) continue;
    if (!set.empty() && range.low <= set.back().high + 1)
      set.back().high = std::max(set.back().high, range.high);
    else
      set.push_back(range);
  }
  return set;
}

CharSet complement(const CharSet& set) {
  CharSet rest;
  uint32_t next = 0;
  for (const CharRange& range : set) {
    if (range.low > next) rest.push_back({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kMaxChar) rest.push_back({next, kMaxChar});
  return rest;
}

CharSet unite(const CharSet& a, const CharSet& b) {
  std::vector<CharRange> all = a;
  all.insert(all.end(), b.begin(), b.end());
  return make_set(std::move(all));
}

CharSet intersect(const CharSet& a, const CharSet& b) {
  CharSet both;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const uint32_t low = std::max(a[i].low, b[j].low), high = std::min(a[i].high, b[j].high);
    if (low <= high) both.push_back({low, high});
    (a[i].high < b[j].high ? i : j) += 1;
  }
  return both;
}

ExprPtr literal(std::string bytes) {
  auto made = make(Expr::Kind::literal);
  made->bytes = std::move(bytes);
  return made;
}

ExprPtr chars(CharSet set, Coding coding) {
  auto made = make(Expr::Kind::chars);
  made->set = std::move(set);
  made->coding = coding;
  return made;
}

ExprPtr json_char() {
  static const ExprPtr kChar = make(Expr::Kind::json_char);
  return kChar;
}

ExprPtr sequence(std::vector<ExprPtr> parts) {
  if (parts.size() == 1) return parts[0];
  auto made = make(Expr::Kind::sequence);
  made->parts = std::move(parts);
  return made;
}

ExprPtr choice(std::vector<ExprPtr> parts) {
  if (parts.size() == 1) return parts[0];
  auto made = make(Expr::Kind::choice);
  made->parts = std::move(parts);
  return made;
}

ExprPtr repeat(ExprPtr part, uint32_t min, uint32_t max) {
  auto made = make(Expr::Kind::repeat);
  made->parts = {std::move(part)};
  made->min = min;
  made->max = max;
  return made;
}

ExprPtr optional(ExprPtr part) { return repeat(std::move(part), 0, 1); }

ExprPtr rule(uint32_t index) {
  auto made = make(Expr::Kind::rule);
  made->rule = index;
  return made;
}

ExprPtr network(Network nodes) {
  auto made = make(Expr::Kind::network);
  made->network = std::move(nodes);
  return made;
}

ExprPtr nothing() { return choice({}); }

ExprPtr any_of(const std::vector<std::string>& texts) {
  Network trie;
  trie.nodes.emplace_back();
  std::map<std::pair<uint32_t, char>, uint32_t> child;
  for (const std::string& text : texts) {
    uint32_t at = 0;
    for (const char byte : text) {
      const auto [found, fresh] = child.try_emplace({at, byte}, static_cast<uint32_t>(trie.nodes.size()));
      if (fresh) {
        trie.nodes[at].edges.push_back({literal(std::string(1, byte)), found->second});
        trie.nodes.emplace_back();
      }
      at = found->second;
    }
    trie.nodes[at].accepts = true;
  }
  return network(std::move(trie));
}

Result<std::vector<uint32_t>> code_points(std::string_view text, std::string_view who) {
  std::vector<uint32_t> points;
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = utf8_char_bytes(text, at);
    if (bytes == 0) return error("{}: got bytes that are no UTF-8 at {}", who, at);
    const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[at + i])); };
    uint32_t point = bytes == 1 ? byte(0) : byte(0) & (0xFFu >> (bytes + 1));
    for (size_t i = 1; i < bytes; ++i) point = point << 6 | (byte(i) & 0x3F);
    points.push_back(point);
    at += bytes;
  }
  return points;
}

namespace {

// A copy of `expr` whose rules count from `offset`; what is shared stays shared.
ExprPtr shifted(const ExprPtr& expr, uint32_t offset, std::map<const Expr*, ExprPtr>& known) {
  if (expr == nullptr) return nullptr;
  if (const auto found = known.find(expr.get()); found != known.end()) return found->second;
  auto copy = std::make_shared<Expr>(*expr);
  if (copy->kind == Expr::Kind::rule) copy->rule += offset;
  for (ExprPtr& part : copy->parts) part = shifted(part, offset, known);
  for (Network::Node& node : copy->network.nodes) {
    for (Network::Edge& edge : node.edges) edge.label = shifted(edge.label, offset, known);
  }
  known[expr.get()] = copy;
  return copy;
}

}  // namespace

uint32_t import_rules(RuleSet& into, const RuleSet& from) {
  const auto offset = static_cast<uint32_t>(into.rules.size());
  std::map<const Expr*, ExprPtr> known;
  for (size_t i = 0; i < from.rules.size(); ++i) into.add(from.names[i], shifted(from.rules[i], offset, known));
  return from.root + offset;
}

}  // namespace hearth::grammar
