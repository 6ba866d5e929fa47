// Objects and arrays of JSON Schema.
#include <algorithm>

#include "engine/json_schema_compiler.h"

namespace hearth::grammar {
namespace {

constexpr uint32_t kMaxCounted = 128;  // properties that are counted one by one

// Characters of a key as they are; a key with escapes could be a declared one in disguise.
CharSet raw_key_chars() { return make_set({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kMaxChar}}); }

}  // namespace

ExprPtr SchemaCompiler::member(ExprPtr key, ExprPtr value) const {
  return sequence({std::move(key), literal(":"), space(), std::move(value)});
}

// A key that is none of the declared ones: a trie of those, left with the first character that differs.
ExprPtr SchemaCompiler::other_key(const std::vector<Field>& fields) const {
  if (fields.empty()) return rule(string_);
  Network trie;
  trie.nodes.resize(2);
  constexpr uint32_t kRoot = 0, kFree = 1;
  trie.nodes[kFree] = {{{json_char(), kFree}}, true};
  std::vector<std::map<uint32_t, uint32_t>> children(2);
  std::vector<bool> named(2, false);
  for (const Field& field : fields) {
    const Result<std::vector<uint32_t>> points = code_points(field.key, "key");
    if (!points) continue;
    const auto escaped = [](uint32_t c) { return c < 0x20 || c == '"' || c == '\\'; };
    if (std::any_of(points->begin(), points->end(), escaped)) continue;  // cannot be written without escapes
    uint32_t at = kRoot;
    for (const uint32_t c : *points) {
      const auto [found, fresh] = children[at].try_emplace(c, static_cast<uint32_t>(trie.nodes.size()));
      const uint32_t next = found->second;
      if (fresh) {
        trie.nodes.emplace_back();
        children.emplace_back();
        named.push_back(false);
      }
      at = next;
    }
    named[at] = true;
  }
  for (uint32_t at = 0; at < trie.nodes.size(); ++at) {
    if (at == kFree) continue;
    std::vector<CharRange> taken;
    for (const auto& [c, next] : children[at]) {
      taken.push_back({c, c});
      trie.nodes[at].edges.push_back({chars({{c, c}}), next});
    }
    trie.nodes[at].edges.push_back({chars(intersect(raw_key_chars(), complement(make_set(std::move(taken))))), kFree});
    trie.nodes[at].accepts = !named[at];
  }
  return sequence({literal("\""), network(std::move(trie)), literal("\"")});
}

Result<std::vector<SchemaCompiler::Field>> SchemaCompiler::fields_of(const Schema& schema, const Where& where) {
  std::vector<Field> fields;
  const Schema none = Schema::object(), no_names = Schema::array();
  const Schema& properties = schema.contains("properties") ? schema["properties"] : none;
  const Schema& required = schema.contains("required") ? schema["required"] : no_names;
  if (!properties.is_object()) return wrong(where, "'properties' must be an object");
  if (!required.is_array()) return wrong(where, "'required' must be a list of names");
  std::map<std::string, bool> needed;
  for (const Schema& name : required) {
    if (!name.is_string()) return wrong(where, "'required' must be a list of names");
    needed[name.get<std::string>()] = true;
  }
  for (const auto& [key, part] : properties.items()) {
    TRY(ExprPtr inner, value(part, where.in("properties/" + key)));
    fields.push_back({key, std::move(inner), needed.erase(key) > 0});
  }
  for (const Schema& name : required) {
    if (needed.erase(name.get<std::string>()) == 0) continue;
    ExprPtr inner = any_json();
    if (schema.contains("additionalProperties")) {
      TRY(inner, value(schema["additionalProperties"], where.in("additionalProperties")));
    }
    fields.push_back({name.get<std::string>(), std::move(inner), true});
  }
  return fields;
}

// Members beside the declared ones, null if there may be none. With `patternProperties` only keys that match are
// written.
Result<ExprPtr> SchemaCompiler::extra_member(const Schema& schema, const std::vector<Field>& fields,
                                             const Where& where) {
  const bool named = schema.contains("propertyNames"), patterned = schema.contains("patternProperties");
  const bool open = schema.contains("additionalProperties") ? schema["additionalProperties"] != Schema(false)
                                                            : !schema.contains("properties");
  if ((named || patterned) && !fields.empty())
    return wrong(where, "'propertyNames' and 'patternProperties' beside 'properties' or 'required' are not supported");
  if (patterned && (named || !schema["patternProperties"].is_object() || schema["patternProperties"].size() != 1))
    return wrong(where, "'patternProperties' is supported with one pattern and without 'propertyNames'");
  if (!open && !patterned) return ExprPtr();
  ExprPtr key = other_key(fields), inner = any_json();
  if (patterned) {
    const auto pattern = schema["patternProperties"].begin();
    TRY(key, string(Schema{{"pattern", pattern.key()}}, where.in("patternProperties")));
    TRY(inner, value(pattern.value(), where.in("patternProperties/" + pattern.key())));
  } else if (schema.contains("additionalProperties")) {
    TRY(inner, value(schema["additionalProperties"], where.in("additionalProperties")));
  }
  if (named) {
    const Where names = where.in("propertyNames");
    TRY(const Schema of_names, document_.merge(schema["propertyNames"], Schema{{"type", "string"}}, names.path));
    TRY(key, value(of_names, names));
  }
  return as_rule(member(std::move(key), std::move(inner)), where.path + " additional");
}

Result<ExprPtr> SchemaCompiler::object(const Schema& schema, const Where& where) {
  TRY(std::vector<Field> fields, fields_of(schema, where));
  TRY(const uint32_t least, count(schema, "minProperties", 0, where));
  TRY(const uint32_t most, count(schema, "maxProperties", kNoLimit, where));
  TRY(ExprPtr extra, extra_member(schema, fields, where));
  TRY(ExprPtr inside, members(std::move(fields), std::move(extra), least, most, where));
  return sequence({literal("{"), space(), std::move(inside), space(), literal("}")});
}

// Nodes before(i, n): the first i fields are decided, n of them written (counted as far as it matters); at(i, n): field
// i is about to be written. After the fields come tail(n, m) and extra(n, m): n fields, m additional ones.
Result<ExprPtr> SchemaCompiler::members(std::vector<Field> fields, ExprPtr extra, uint32_t least, uint32_t most,
                                        const Where& where) {
  const auto total = static_cast<uint32_t>(fields.size());
  const auto needed =
      static_cast<uint32_t>(std::count_if(fields.begin(), fields.end(), [](const Field& f) { return f.required; }));
  if (!extra && most >= total) most = kNoLimit;
  if (least <= needed) least = 0;
  if (needed > most || least > most || (!extra && least > total)) return nothing();
  if (fields.empty() && least <= 1 && most > kMaxCounted && extra) {
    const ExprPtr some =
        sequence({extra, repeat(sequence({comma(), extra}), 0, most == kNoLimit ? kNoLimit : most - 1)});
    return least == 0 ? optional(some) : some;
  }
  const uint32_t cap = most != kNoLimit ? most : std::max(least, 1u);
  if (cap > kMaxCounted || uint64_t{cap} * total > 20'000)
    return wrong(where,
                 fmt::format("'minProperties' or 'maxProperties' above {} is not supported beside other properties",
                             kMaxCounted));
  const uint32_t width = cap + 1, extras = extra ? (most != kNoLimit ? cap : 1) : 0;
  Network graph;
  graph.nodes.resize(size_t{width} * (2 * total + 1) + 2 * size_t{width} * (extras + 1));
  const auto before = [&](uint32_t i, uint32_t n) { return i * width + n; };
  const auto at = [&](uint32_t i, uint32_t n) { return (total + 1 + i) * width + n; };
  const auto tail = [&](uint32_t n, uint32_t m) { return (2 * total + 1) * width + n * (extras + 1) + m; };
  const auto next_extra = [&](uint32_t n, uint32_t m) { return tail(n, m) + width * (extras + 1); };
  const auto room = [&](uint32_t n) { return most == kNoLimit || n < most; };
  for (uint32_t i = 0; i < total; ++i) {
    ExprPtr one = member(literal(json_text(fields[i].key)), fields[i].value);
    if (cap > 1) one = as_rule(std::move(one), where.path + "/" + fields[i].key);
    for (uint32_t n = 0; n <= cap; ++n) {
      auto& here = graph.nodes[before(i, n)];
      if (!fields[i].required) here.edges.push_back({nullptr, before(i + 1, n)});
      if (room(n)) here.edges.push_back({n > 0 ? comma() : nullptr, at(i, std::min(n + 1, cap))});
      if (n > 0) graph.nodes[at(i, n)].edges.push_back({one, before(i + 1, n)});
    }
  }
  for (uint32_t n = 0; n <= cap; ++n) {
    graph.nodes[before(total, n)].edges.push_back({nullptr, tail(n, 0)});
    for (uint32_t m = 0; m <= extras; ++m) {
      // Additional keys may be the same one twice, so they are worth one property at least, and all at most.
      graph.nodes[tail(n, m)].accepts = n + std::min(m, 1u) >= least;
      const uint32_t more = most == kNoLimit ? 1 : m + 1;
      if (more > extras || !room(n + m)) continue;
      graph.nodes[tail(n, m)].edges.push_back({n + m > 0 ? comma() : nullptr, next_extra(n, more)});
    }
    for (uint32_t m = 1; m <= extras; ++m) graph.nodes[next_extra(n, m)].edges.push_back({extra, tail(n, m)});
  }
  return network(std::move(graph));
}

Result<ExprPtr> SchemaCompiler::array(const Schema& schema, const Where& where) {
  TRY(const uint32_t min, count(schema, "minItems", 0, where));
  TRY(uint32_t max, count(schema, "maxItems", kNoLimit, where));
  const Schema none = Schema::array();
  const Schema& prefix = schema.contains("prefixItems") ? schema["prefixItems"] : none;
  if (!prefix.is_array()) return wrong(where, "'prefixItems' must be a list of schemas");
  if (schema.contains("items") && schema["items"].is_array())
    return wrong(where, "'items' must be a schema; a list of schemas is 'prefixItems'");
  const auto fixed = static_cast<uint32_t>(prefix.size());
  const bool open = schema.contains("items") ? schema["items"] != Schema(false) : fixed == 0 || min > fixed;
  if (!open) max = std::min(max, fixed);
  if (min > max || min == kNoLimit) return nothing();

  // Node i: i items are written; then the rest, counted on the stack.
  Network graph;
  graph.nodes.resize(size_t{fixed} + 2);
  const uint32_t last = fixed + 1;
  graph.nodes[last].accepts = true;
  for (uint32_t i = 0; i <= fixed; ++i) graph.nodes[i].accepts = i >= min;
  for (uint32_t i = 0; i < std::min(fixed, max); ++i) {
    TRY(ExprPtr item, value(prefix[i], where.in("prefixItems/" + std::to_string(i))));
    graph.nodes[i].edges.push_back({i > 0 ? sequence({comma(), std::move(item)}) : std::move(item), i + 1});
  }
  if (open && max > fixed) {
    ExprPtr item = any_json();
    if (schema.contains("items")) {
      TRY(item, value(schema["items"], where.in("items")));
    }
    item = as_rule(std::move(item), where.path + "/items");
    const auto rest = [&](uint32_t done) {
      return repeat(sequence({comma(), item}), min > done ? min - done : 0, max == kNoLimit ? kNoLimit : max - done);
    };
    graph.nodes[fixed].edges.push_back({fixed > 0 ? rest(fixed) : sequence({item, rest(1)}), last});
  }
  return sequence({literal("["), space(), network(std::move(graph)), space(), literal("]")});
}

}  // namespace hearth::grammar
