// Compiles JSON Schema: which keyword decides what a value may be.
#include "engine/json_schema.h"

#include <algorithm>
#include <array>

#include "engine/json_schema_compiler.h"

namespace hearth::grammar {
namespace {

constexpr size_t kMaxText = size_t{4} << 20, kMaxSchemas = 50'000;
constexpr int kMaxDepth = 150;

// Keywords that assert something which the automaton does not follow.
constexpr const char* kUnsupported[] = {"not",          "if",           "dependentSchemas", "dependentRequired",
                                        "dependencies", "contains",     "minContains",      "maxContains",
                                        "$dynamicRef",  "$recursiveRef"};

struct Hint {
  const char* keyword;
  uint32_t types;
};
constexpr Hint kHints[] = {{"properties", kObject},
                           {"required", kObject},
                           {"additionalProperties", kObject},
                           {"patternProperties", kObject},
                           {"propertyNames", kObject},
                           {"minProperties", kObject},
                           {"maxProperties", kObject},
                           {"items", kArray},
                           {"prefixItems", kArray},
                           {"minItems", kArray},
                           {"maxItems", kArray},
                           {"minLength", kString},
                           {"maxLength", kString},
                           {"pattern", kString},
                           {"format", kString},
                           {"minimum", kInteger | kFraction},
                           {"maximum", kInteger | kFraction},
                           {"exclusiveMinimum", kInteger | kFraction},
                           {"exclusiveMaximum", kInteger | kFraction},
                           {"multipleOf", kInteger | kFraction}};

uint32_t hinted_types(const Schema& schema) {
  uint32_t types = 0;
  for (const Hint& hint : kHints)
    if (schema.contains(hint.keyword)) types |= hint.types;
  return types == 0 ? uint32_t{kAllTypes} : types;
}

bool only_annotates(const Schema& schema) {
  for (const auto& [keyword, value] : schema.items())
    if (!is_annotation(keyword)) return false;
  return true;
}

}  // namespace

std::string json_text(const Schema& value) { return value.dump(-1, ' ', false, Schema::error_handler_t::replace); }

SchemaCompiler::SchemaCompiler(Schema root, Whitespace whitespace)
    : document_(std::move(root)), whitespace_(whitespace) {}

Error SchemaCompiler::wrong(const Where& where, const std::string& what) const {
  return error("json schema: '{}': {}", where.path.empty() ? "/" : where.path, what);
}

ExprPtr SchemaCompiler::as_rule(ExprPtr expr, const std::string& name) {
  if (expr->kind == Expr::Kind::rule) return expr;
  return rule(rules_.add(name, std::move(expr)));
}

// White space, strings, numbers, and any JSON at all: rules that every schema shares.
void SchemaCompiler::define_common() {
  const ExprPtr indent = repeat(chars({{'\t', '\t'}, {' ', ' '}}), 0, 32);
  const ExprPtr flexible = choice({literal(""), literal(" "), sequence({literal("\n"), indent})});
  space_ = rules_.add("space", whitespace_ == Whitespace::flexible ? flexible : literal(""));
  comma_ = whitespace_ == Whitespace::flexible ? sequence({literal(","), space()}) : literal(",");
  string_ = rules_.add("string", sequence({literal("\""), repeat(json_char(), 0, kNoLimit), literal("\"")}));
  const Result<ExprPtr> number = number_expr({}, "json schema");
  number_ = rules_.add("number", number.ok() ? *number : nothing());
  any_ = rules_.declare("any");
  any_object_ = rules_.declare("object");
  const auto listed = [&](const char* open, const ExprPtr& item, const char* close) {
    Network list;  // 0 -open-> 1 -item-> 2 -comma-> 3 -item-> 2; 1 and 2 may close
    list.nodes.resize(4);
    list.nodes[0].edges = {{sequence({literal(open), space()}), 1}};
    list.nodes[1].edges = {{nullptr, 3}};
    list.nodes[1].accepts = list.nodes[2].accepts = true;
    list.nodes[2].edges = {{comma_, 3}};
    list.nodes[3].edges = {{item, 2}};
    return sequence({network(std::move(list)), space(), literal(close)});
  };
  rules_.rules[any_object_] = listed("{", member(rule(string_), rule(any_)), "}");
  rules_.rules[any_] = choice({any_of({"null", "true", "false"}), rule(string_), rule(number_), rule(any_object_),
                               listed("[", rule(any_), "]")});
}

ExprPtr SchemaCompiler::any_json() { return rule(any_); }

Result<RuleSet> SchemaCompiler::run() {
  define_common();
  rules_.root = rules_.declare("schema");
  rule_of_["#"] = rules_.root;
  pending_.push_back({rules_.root, document_.root(), {}});
  while (!pending_.empty()) {
    const Pending next = std::move(pending_.back());
    pending_.pop_back();
    TRY(rules_.rules[next.rule], value(next.schema, next.where));
  }
  return std::move(rules_);
}

ExprPtr SchemaCompiler::later(const std::string& key, const Schema& schema, const Where& where) {
  const auto known = rule_of_.find(key);
  if (known != rule_of_.end()) return rule(known->second);
  const uint32_t index = rules_.declare(key.substr(0, 80));
  rule_of_[key] = index;
  pending_.push_back({index, schema, {where.path, 0}});
  return rule(index);
}

Result<ExprPtr> SchemaCompiler::value(const Schema& schema, const Where& where) {
  if (++schemas_ > kMaxSchemas) return wrong(where, fmt::format("more than {} schemas once merged", kMaxSchemas));
  if (where.depth > kMaxDepth) return wrong({}, fmt::format("nested deeper than {}", kMaxDepth));
  if (schema.is_boolean()) return schema.get<bool>() ? any_json() : nothing();
  if (!schema.is_object()) return wrong(where, "a schema must be an object or a boolean");
  for (const char* keyword : kUnsupported)
    if (schema.contains(keyword)) return wrong(where, fmt::format("'{}' is not supported", keyword));
  if (schema.contains("uniqueItems") && schema["uniqueItems"] != Schema(false) &&
      !(schema.contains("maxItems") && schema["maxItems"] <= 1))
    return wrong(where, "'uniqueItems' is not supported");
  for (const auto& [keyword, open] :
       {std::pair{"unevaluatedProperties", "additionalProperties"}, {"unevaluatedItems", "items"}})
    if (schema.contains(keyword) && schema[keyword] != Schema(true) &&
        (schema[keyword] != Schema(false) || schema.contains(open)))
      return wrong(where, fmt::format("'{}' is supported only as false and without '{}'", keyword, open));
  if (schema.contains("$ref")) return reference(schema, where);
  if (schema.contains("allOf")) return all_of(schema, where);
  for (const char* keyword : {"anyOf", "oneOf"})
    if (schema.contains(keyword)) return any_of_branches(schema, keyword, where);
  if (schema.contains("const") || schema.contains("enum")) return values(schema, where);
  TRY(uint32_t types, types_of(schema, where.path));
  if (!schema.contains("type")) types = hinted_types(schema);
  return types == kAllTypes && only_annotates(schema) ? any_json() : typed(schema, types, where);
}

Result<ExprPtr> SchemaCompiler::typed(const Schema& schema, uint32_t types, const Where& where) {
  std::vector<ExprPtr> ways;
  if (types & kNull) ways.push_back(literal("null"));
  if (types & kBoolean) ways.push_back(any_of({"true", "false"}));
  if (types & (kInteger | kFraction)) {
    TRY(ExprPtr way, number(schema, types, where));
    ways.push_back(std::move(way));
  }
  if (types & kString) {
    TRY(ExprPtr way, string(schema, where));
    ways.push_back(std::move(way));
  }
  if (types & kArray) {
    TRY(ExprPtr way, array(schema, where));
    ways.push_back(std::move(way));
  }
  if (types & kObject) {
    TRY(ExprPtr way, object(schema, where));
    ways.push_back(std::move(way));
  }
  return choice(std::move(ways));
}

Result<ExprPtr> SchemaCompiler::reference(const Schema& schema, const Where& where) {
  if (!schema["$ref"].is_string()) return wrong(where, "'$ref' must be a string");
  const std::string ref = schema["$ref"];
  Schema rest = schema;
  rest.erase("$ref");
  if (!only_annotates(rest)) return all_of(Schema{{"allOf", Schema::array({Schema{{"$ref", ref}}, rest})}}, where);
  TRY(const Schema* target, document_.resolve(ref, where.path));
  return later(ref, *target, {ref.substr(1)});
}

// All parts as one schema. It is a rule of its own, known by its text, so that merged schemas may be recursive, too.
Result<ExprPtr> SchemaCompiler::all_of(const Schema& schema, const Where& where) {
  const std::string key = "allOf " + json_text(schema);
  if (const auto known = rule_of_.find(key); known != rule_of_.end()) return rule(known->second);
  const Schema parts = schema["allOf"];
  if (!parts.is_array() || parts.empty()) return wrong(where, "'allOf' must be a list of schemas");
  Schema whole = schema;
  whole.erase("allOf");
  for (const Schema& part : parts) {
    if (++schemas_ > kMaxSchemas) return wrong(where, fmt::format("more than {} schemas once merged", kMaxSchemas));
    TRY(whole, document_.merge(whole, part, where.path));
    if (whole.is_object() && json_text(whole).size() > kMaxText) return wrong(where, "'allOf' becomes too large");
  }
  return later(key, whole, where);
}

Result<ExprPtr> SchemaCompiler::any_of_branches(const Schema& schema, const std::string& keyword, const Where& where) {
  const Schema branches = schema[keyword];
  if (!branches.is_array() || branches.empty())
    return wrong(where, fmt::format("'{}' must be a list of schemas", keyword));
  if (keyword == "oneOf") {
    if (branches.size() > 500) return wrong(where, "'oneOf' has more than 500 branches");
    for (size_t i = 0; i < branches.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (!document_.exclude(branches[j], branches[i]))
          return wrong(
              where,
              fmt::format("'oneOf': branches {} and {} may both hold; make them exclude each other or use 'anyOf'", j,
                          i));
  }
  Schema rest = schema;
  rest.erase(keyword);
  const bool alone = only_annotates(rest);
  std::vector<ExprPtr> ways;
  for (size_t i = 0; i < branches.size(); ++i) {
    const Where branch = where.in(keyword + "/" + std::to_string(i));
    Schema whole = branches[i];
    if (!alone) {
      TRY(whole, document_.merge(rest, branches[i], branch.path));
    }
    TRY(ExprPtr way, value(whole, branch));
    ways.push_back(std::move(way));
  }
  return choice(std::move(ways));
}

Result<uint32_t> SchemaCompiler::count(const Schema& schema, const char* keyword, uint32_t otherwise,
                                       const Where& where) const {
  const auto found = schema.find(keyword);
  if (found == schema.end()) return otherwise;
  const bool whole = found->is_number() && type_of_value(*found) == kInteger && *found >= 0;
  if (!whole) return wrong(where, fmt::format("'{}' must be an integer, 0 or more", keyword));
  return *found >= 1e9 ? kNoLimit : static_cast<uint32_t>(found->get<double>());
}

Result<ExprPtr> SchemaCompiler::number(const Schema& schema, uint32_t types, const Where& where) {
  NumberRange range;
  range.integer = (types & kFraction) == 0;
  bool any = true;
  const auto read = [&](const char* keyword) -> Result<std::optional<Decimal>> {
    const auto found = schema.find(keyword);
    if (found == schema.end()) return std::optional<Decimal>();
    if (!found->is_number()) return wrong(where, fmt::format("'{}' must be a number", keyword));
    any = false;
    const std::optional<Decimal> value = parse_decimal(json_text(*found));
    if (!value) return wrong(where, fmt::format("'{}' is too large or too small", keyword));
    return value;
  };
  // The tighter of the two kinds of bounds; at the same value the exclusive one.
  const auto bound = [&](const char* closed, const char* open, bool low, std::optional<Bound>& out) -> Result<Done> {
    TRY(const std::optional<Decimal> inclusive, read(closed));
    TRY(const std::optional<Decimal> exclusive, read(open));
    if (inclusive) out = Bound{*inclusive, false};
    if (exclusive && (!inclusive || (low ? schema[open] >= schema[closed] : schema[open] <= schema[closed])))
      out = Bound{*exclusive, true};
    return Done{};
  };
  TRY_DONE(bound("minimum", "exclusiveMinimum", true, range.low));
  TRY_DONE(bound("maximum", "exclusiveMaximum", false, range.high));
  TRY(range.multiple, read("multipleOf"));
  if (any && !range.integer) return rule(number_);
  return number_expr(range, "json schema: '" + where.path + "'");
}

// const and enum: their texts. Beside them only what can be judged of a value at once is supported.
Result<ExprPtr> SchemaCompiler::values(const Schema& schema, const Where& where) {
  if (schema.contains("enum") && (!schema["enum"].is_array() || schema["enum"].size() > 100'000))
    return wrong(where, "'enum' must be a list of at most 100000 values");
  const Schema values = schema.contains("const") ? Schema::array({schema["const"]}) : schema["enum"];
  bool judge = false;
  for (const auto& [keyword, unused] : schema.items()) judge |= keyword != "enum" && !is_annotation(keyword);
  Schema rest = schema;
  if (!schema.contains("const")) rest.erase("enum");
  std::vector<std::string> texts;
  std::vector<ExprPtr> ways;
  for (const Schema& value : values) {
    if (judge) {
      TRY(const bool good, document_.holds(rest, value, where.path));
      if (!good) continue;
    }
    if (value.is_structured())
      ways.push_back(literal_json(value));
    else
      texts.push_back(json_text(value));
  }
  if (!texts.empty()) ways.push_back(any_of(texts));
  return choice(std::move(ways));
}

ExprPtr SchemaCompiler::literal_json(const Schema& value) const {
  if (!value.is_structured()) return literal(json_text(value));
  std::vector<ExprPtr> parts{literal(value.is_object() ? "{" : "["), space()};
  bool first = true;
  for (const auto& [key, element] : value.items()) {
    if (!first) parts.push_back(comma());
    first = false;
    parts.push_back(value.is_object() ? member(literal(json_text(key)), literal_json(element)) : literal_json(element));
  }
  parts.push_back(space());
  parts.push_back(literal(value.is_object() ? "}" : "]"));
  return sequence(std::move(parts));
}

Result<RuleSet> json_schema_rules(std::string_view schema, Whitespace whitespace) {
  if (schema.size() > kMaxText) return error("json schema: got {} bytes, want at most {}", schema.size(), kMaxText);
  TRY(Schema root, parse_ordered_json(schema, "json schema"));
  return SchemaCompiler(std::move(root), whitespace).run();
}

}  // namespace hearth::grammar
