// Resolves references, merges schemas and finds out whether they exclude each other.
#include "engine/json_schema_merge.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hearth::grammar {
namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxParts = 300;

struct TypeName {
  const char* name;
  uint32_t bits;
};
constexpr TypeName kTypeNames[] = {
    {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kInteger | kFraction},
    {"string", kString}, {"array", kArray},     {"object", kObject}};

Schema type_list(uint32_t bits) {
  Schema list = Schema::array();
  for (const TypeName& type : kTypeNames) {
    if ((type.bits & bits) != type.bits) continue;
    if (type.bits == kInteger && (bits & kFraction)) continue;
    list.push_back(type.name);
  }
  return list;
}

Schema all_of(const Schema& a, const Schema& b) {
  if (a == b) return a;
  return Schema{{"allOf", Schema::array({a, b})}};
}

Schema as_list(const Schema& value) { return value.is_array() ? value : Schema::array({value}); }

const Schema& part_or(const Schema& schema, const char* key, const Schema& otherwise) {
  const auto found = schema.find(key);
  return found == schema.end() ? otherwise : *found;
}

const Schema kAnything = true, kNoNames = Schema::array();

// What `schema` asserts of property `key`: its own schema, or that of the additional ones.
const Schema& property(const Schema& schema, const std::string& key) {
  const auto properties = schema.find("properties");
  if (properties != schema.end() && properties->is_object())
    if (const auto found = properties->find(key); found != properties->end()) return *found;
  return part_or(schema, "additionalProperties", kAnything);
}

void merge_properties(const Schema& a, const Schema& b, Schema& out) {
  Schema properties = Schema::object();
  for (const Schema* side : {&a, &b}) {
    const auto own = side->find("properties");
    if (own == side->end() || !own->is_object()) continue;
    for (const auto& [key, value] : own->items())
      if (!properties.contains(key)) {
        const Schema &x = property(a, key), &y = property(b, key);
        properties[key] = x == kAnything ? y : y == kAnything ? x : all_of(x, y);
      }
  }
  if (a.contains("properties") || b.contains("properties")) out["properties"] = std::move(properties);
  if (a.contains("additionalProperties") && b.contains("additionalProperties"))
    out["additionalProperties"] = all_of(a["additionalProperties"], b["additionalProperties"]);
  else
    for (const Schema* side : {&a, &b})
      if (side->contains("additionalProperties")) out["additionalProperties"] = (*side)["additionalProperties"];
}

void merge_items(const Schema& a, const Schema& b, Schema& out) {
  const Schema none = Schema::array();
  const Schema &x = part_or(a, "prefixItems", none), &y = part_or(b, "prefixItems", none);
  if (x.is_array() && y.is_array() && x.size() + y.size() > 0) {
    Schema prefix = Schema::array();
    for (size_t i = 0; i < std::max(x.size(), y.size()); ++i)
      prefix.push_back(all_of(i < x.size() ? x[i] : part_or(a, "items", kAnything),
                              i < y.size() ? y[i] : part_or(b, "items", kAnything)));
    out["prefixItems"] = std::move(prefix);
  }
  if (a.contains("items") && b.contains("items"))
    out["items"] = all_of(a["items"], b["items"]);
  else
    for (const Schema* side : {&a, &b})
      if (side->contains("items")) out["items"] = (*side)["items"];
}

void merge_required(const Schema& a, const Schema& b, Schema& out) {
  Schema required = Schema::array();
  for (const Schema* side : {&a, &b})
    for (const Schema& name : part_or(*side, "required", kNoNames))
      if (std::find(required.begin(), required.end(), name) == required.end()) required.push_back(name);
  if (!required.empty()) out["required"] = std::move(required);
}

// const and enum of both as one enum.
void merge_values(const Schema& a, const Schema& b, Schema& out) {
  std::vector<Schema> sets;
  for (const Schema* side : {&a, &b}) {
    if (side->contains("const")) sets.push_back(Schema::array({(*side)["const"]}));
    if (side->contains("enum") && (*side)["enum"].is_array()) sets.push_back((*side)["enum"]);
  }
  if (sets.empty()) return;
  Schema common = Schema::array();
  for (const Schema& value : sets[0])
    if (std::all_of(sets.begin(), sets.end(), [&](const Schema& set) {
          return std::any_of(set.begin(), set.end(), [&](const Schema& other) { return same_value(value, other); });
        }))
      common.push_back(value);
  out["enum"] = std::move(common);
}

enum class Rule { own, tighter_low, tighter_high, list, concat };
struct KeywordRule {
  const char* keyword;
  Rule rule;
};
// own: handled by a function of its own above, or in merge().
constexpr KeywordRule kRules[] = {{"type", Rule::own},
                                  {"properties", Rule::own},
                                  {"additionalProperties", Rule::own},
                                  {"required", Rule::own},
                                  {"items", Rule::own},
                                  {"prefixItems", Rule::own},
                                  {"const", Rule::own},
                                  {"enum", Rule::own},
                                  {"minimum", Rule::tighter_low},
                                  {"exclusiveMinimum", Rule::tighter_low},
                                  {"minLength", Rule::tighter_low},
                                  {"minItems", Rule::tighter_low},
                                  {"minProperties", Rule::tighter_low},
                                  {"maximum", Rule::tighter_high},
                                  {"exclusiveMaximum", Rule::tighter_high},
                                  {"maxLength", Rule::tighter_high},
                                  {"maxItems", Rule::tighter_high},
                                  {"maxProperties", Rule::tighter_high},
                                  {"pattern", Rule::list},
                                  {"format", Rule::list},
                                  {"anyOf", Rule::concat},
                                  {"oneOf", Rule::concat}};

// Adds schemas to the allOf of `out`, each once.
Result<Done> assert_also(const Schema& parts, Schema& out, const std::string& where) {
  Schema& list = out["allOf"];
  if (list.is_null()) list = Schema::array();
  for (const Schema& part : as_list(parts))
    if (std::find(list.begin(), list.end(), part) == list.end()) list.push_back(part);
  if (list.size() > kMaxParts)
    return error("json schema: '{}': 'allOf' becomes more than {} schemas", where, kMaxParts);
  return Done{};
}

Result<Done> merge_keyword(const std::string& keyword, const Schema& x, const Schema& y, Schema& out,
                           const std::string& where) {
  const auto known = std::find_if(std::begin(kRules), std::end(kRules),
                                  [&](const KeywordRule& rule) { return keyword == rule.keyword; });
  if (keyword == "allOf") {
    for (const Schema* side : {&x, &y}) TRY_DONE(assert_also(*side, out, where));
    return Done{};
  }
  if (x == y || is_annotation(keyword)) {
    out[keyword] = x;
    return Done{};
  }
  const Rule rule = known == std::end(kRules) ? Rule::own : known->rule;
  if (rule == Rule::tighter_low || rule == Rule::tighter_high) {
    if (!x.is_number() || !y.is_number()) return error("json schema: '{}': '{}' must be a number", where, keyword);
    out[keyword] = (rule == Rule::tighter_low) == (x < y) ? y : x;
  } else if (rule == Rule::list) {
    Schema both = as_list(x);
    for (const Schema& other : as_list(y))
      if (std::find(both.begin(), both.end(), other) == both.end()) both.push_back(other);
    out[keyword] = std::move(both);
  } else if (rule == Rule::concat) {
    // One stays where it was, the other is asserted beside it.
    out[keyword] = x;
    return assert_also(Schema::array({Schema{{keyword, y}}}), out, where);
  } else if (keyword == "multipleOf" && x.is_number_integer() && y.is_number_integer() && x > 0 && y > 0 &&
             x < 1'000'000 && y < 1'000'000) {
    const int64_t a = x, b = y;
    out[keyword] = a / std::gcd(a, b) * b;
  } else {
    return error("json schema: '{}': two different '{}' in one allOf are not supported", where, keyword);
  }
  return Done{};
}

// Keywords that holds() judges, or that merge_values() has already taken care of.
bool is_judged(const std::string& keyword) {
  static constexpr const char* kNames[] = {"type",
                                           "const",
                                           "enum",
                                           "minimum",
                                           "maximum",
                                           "exclusiveMinimum",
                                           "exclusiveMaximum",
                                           "multipleOf",
                                           "minLength",
                                           "maxLength",
                                           "minItems",
                                           "maxItems",
                                           "minProperties",
                                           "maxProperties",
                                           "properties",
                                           "required",
                                           "additionalProperties",
                                           "items",
                                           "prefixItems",
                                           "uniqueItems"};
  return std::any_of(std::begin(kNames), std::end(kNames), [&](const char* name) { return keyword == name; });
}

bool within_limits(const Schema& schema, const Schema& value) {
  const auto limits = [&](const char* low, const char* high, double size) {
    const auto min = schema.find(low), max = schema.find(high);
    return (min == schema.end() || !min->is_number() || size >= min->get<double>()) &&
           (max == schema.end() || !max->is_number() || size <= max->get<double>());
  };
  if (value.is_string()) {
    const std::string text = value;
    const auto chars = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
    return limits("minLength", "maxLength", static_cast<double>(chars));
  }
  if (value.is_array()) return limits("minItems", "maxItems", static_cast<double>(value.size()));
  if (value.is_object()) return limits("minProperties", "maxProperties", static_cast<double>(value.size()));
  if (!value.is_number()) return true;
  if (!limits("minimum", "maximum", value.get<double>())) return false;
  if (schema.contains("exclusiveMinimum") && value <= schema["exclusiveMinimum"]) return false;
  if (schema.contains("exclusiveMaximum") && value >= schema["exclusiveMaximum"]) return false;
  if (!schema.contains("multipleOf") || !schema["multipleOf"].is_number()) return true;
  const double times = value.get<double>() / schema["multipleOf"].get<double>();
  return times == std::round(times);
}

}  // namespace

bool is_annotation(const std::string& keyword) {
  static constexpr const char* kNames[] = {"title",
                                           "description",
                                           "default",
                                           "example",
                                           "examples",
                                           "deprecated",
                                           "readOnly",
                                           "writeOnly",
                                           "$comment",
                                           "$schema",
                                           "$id",
                                           "$anchor",
                                           "$defs",
                                           "definitions",
                                           "$vocabulary",
                                           "contentEncoding",
                                           "contentMediaType",
                                           "contentSchema",
                                           "discriminator",
                                           "strict"};
  return std::any_of(std::begin(kNames), std::end(kNames), [&](const char* name) { return keyword == name; });
}

bool same_value(const Schema& a, const Schema& b) {
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    for (const auto& [key, value] : a.items()) {
      const auto other = b.find(key);
      if (other == b.end() || !same_value(value, *other)) return false;
    }
    return true;
  }
  if (a.is_array() && b.is_array()) return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_value);
  return a == b;
}

Result<uint32_t> types_of(const Schema& schema, const std::string& where) {
  const auto type = schema.find("type");
  if (type == schema.end()) return uint32_t{kAllTypes};
  uint32_t bits = 0;
  for (const Schema& name : as_list(*type)) {
    const auto known =
        std::find_if(std::begin(kTypeNames), std::end(kTypeNames), [&](const TypeName& t) { return name == t.name; });
    if (known == std::end(kTypeNames))
      return error("json schema: '{}': 'type' is {}, want null, boolean, integer, number, string, array or object",
                   where, name.dump(-1, ' ', true));
    bits |= known->bits;
  }
  return bits;
}

uint32_t type_of_value(const Schema& value) {
  if (value.is_null()) return kNull;
  if (value.is_boolean()) return kBoolean;
  if (value.is_string()) return kString;
  if (value.is_array()) return kArray;
  if (value.is_object()) return kObject;
  if (value.is_number_float()) return value.get<double>() == std::floor(value.get<double>()) ? kInteger : kFraction;
  return kInteger;
}

Result<const Schema*> SchemaDocument::resolve(const std::string& ref, const std::string& where) const {
  if (ref == "#") return &root_;
  if (ref.rfind("#/", 0) != 0)
    return error("json schema: '{}': $ref '{}' is not supported; want '#' or '#/...' within the schema", where, ref);
  const Schema* at = &root_;
  for (size_t from = 2; from <= ref.size();) {
    const size_t to = std::min(ref.find('/', from), ref.size());
    std::string name;
    for (size_t i = from; i < to; ++i) {
      const auto hex = [&](size_t j) {
        return j < to ? std::string_view("0123456789abcdef").find(static_cast<char>(ref[j] | 0x20)) : std::string::npos;
      };
      if (ref[i] == '~' && i + 1 < to && (ref[i + 1] == '0' || ref[i + 1] == '1')) {
        name += ref[++i] == '0' ? '~' : '/';
      } else if (ref[i] == '%' && hex(i + 1) != std::string::npos && hex(i + 2) != std::string::npos) {
        name += static_cast<char>(hex(i + 1) * 16 + hex(i + 2));
        i += 2;
      } else {
        name += ref[i];
      }
    }
    const Schema* next = nullptr;
    if (at->is_object() && at->contains(name)) next = &*at->find(name);
    if (at->is_array() && !name.empty() && name.size() < 6 &&
        name.find_first_not_of("0123456789") == std::string::npos && std::stoul(name) < at->size())
      next = &(*at)[std::stoul(name)];
    if (!next) return error("json schema: '{}': $ref '{}' points to nothing", where, ref);
    at = next;
    from = to + 1;
  }
  return at;
}

// `schema` without a $ref at its top.
Result<Schema> SchemaDocument::inlined(const Schema& schema, const std::string& where, int depth) const {
  if (!schema.is_object() || !schema.contains("$ref")) return schema;
  if (depth > kMaxDepth) return error("json schema: '{}': $ref leads back to itself", where);
  if (!schema["$ref"].is_string()) return error("json schema: '{}': '$ref' must be a string", where);
  TRY(const Schema* target, resolve(schema["$ref"].get<std::string>(), where));
  TRY(Schema whole, inlined(*target, where, depth + 1));
  Schema rest = schema;
  rest.erase("$ref");
  if (std::all_of(rest.items().begin(), rest.items().end(), [](const auto& item) { return is_annotation(item.key()); }))
    return whole;
  return merge(whole, rest, where);
}

Result<Schema> SchemaDocument::merge(const Schema& left, const Schema& right, const std::string& where) const {
  TRY(const Schema a, inlined(left, where, 0));
  TRY(const Schema b, inlined(right, where, 0));
  if (a == Schema(false) || b == Schema(false)) return Schema(false);
  if (a.is_boolean()) return b;
  if (b.is_boolean()) return a;
  if (!a.is_object() || !b.is_object())
    return error("json schema: '{}': a schema must be an object or a boolean", where);
  Schema out = Schema::object();
  TRY(const uint32_t a_types, types_of(a, where));
  TRY(const uint32_t b_types, types_of(b, where));
  if (a.contains("type") || b.contains("type")) {
    if ((a_types & b_types) == 0) return Schema(false);
    out["type"] = type_list(a_types & b_types);
  }
  merge_properties(a, b, out);
  merge_items(a, b, out);
  merge_required(a, b, out);
  merge_values(a, b, out);
  for (const Schema* side : {&a, &b})
    for (const auto& [keyword, value] : side->items()) {
      const bool own = std::any_of(std::begin(kRules), std::end(kRules), [&](const KeywordRule& rule) {
        return rule.rule == Rule::own && keyword == rule.keyword;
      });
      if (own || (side == &b && a.contains(keyword))) continue;
      if (side == &a && b.contains(keyword)) {
        TRY_DONE(merge_keyword(keyword, value, b[keyword], out, where));
      } else if (keyword == "allOf") {
        TRY_DONE(assert_also(value, out, where));
      } else {
        out[keyword] = value;
      }
    }
  return out;
}

Result<bool> SchemaDocument::holds(const Schema& reference, const Schema& value, const std::string& where) const {
  TRY(const Schema schema, inlined(reference, where, 0));
  if (schema.is_boolean()) return schema.get<bool>();
  if (!schema.is_object()) return error("json schema: '{}': a schema must be an object or a boolean", where);
  for (const auto& [keyword, unused] : schema.items())
    if (!is_annotation(keyword) && !is_judged(keyword))
      return error("json schema: '{}': '{}' beside 'enum' or 'const' is not supported; leave out the values it forbids",
                   where, keyword);
  TRY(const uint32_t types, types_of(schema, where));
  Schema allowed = Schema::object();
  merge_values(schema, schema, allowed);
  const auto is_value = [&](const Schema& other) { return same_value(value, other); };
  if (allowed.contains("enum") && std::none_of(allowed["enum"].begin(), allowed["enum"].end(), is_value)) return false;
  if ((type_of_value(value) & types) == 0 || !within_limits(schema, value)) return false;
  if (value.is_object()) {
    for (const Schema& name : part_or(schema, "required", kNoNames))
      if (!name.is_string() || !value.contains(name.get<std::string>())) return false;
    for (const auto& [key, inner] : value.items()) {
      TRY(const bool good, holds(property(schema, key), inner, where));
      if (!good) return false;
    }
  }
  const Schema& prefix = part_or(schema, "prefixItems", kNoNames);
  for (size_t i = 0; value.is_array() && i < value.size(); ++i) {
    TRY(const bool good, holds(prefix.is_array() && i < prefix.size() ? prefix[i] : part_or(schema, "items", kAnything),
                               value[i], where));
    if (!good) return false;
  }
  return true;
}

Schema SchemaDocument::follow(const Schema& schema) const {
  const Schema* at = &schema;
  for (int depth = 0; depth < kMaxDepth && at->is_object() && at->contains("$ref") && (*at)["$ref"].is_string();
       ++depth) {
    const auto target = resolve((*at)["$ref"].get<std::string>(), "");
    if (!target) break;
    at = *target;
  }
  return *at;
}

bool SchemaDocument::objects_exclude(const Schema& a, const Schema& b, int depth) const {
  if (a.contains("patternProperties") || b.contains("patternProperties")) return false;
  const auto needs = [](const Schema& schema, const std::string& key) {
    const auto required = schema.find("required");
    return required != schema.end() && std::find(required->begin(), required->end(), Schema(key)) != required->end();
  };
  for (const Schema* side : {&a, &b}) {
    const Schema& other = side == &a ? b : a;
    for (const Schema& name : part_or(*side, "required", kNoNames)) {
      if (!name.is_string()) continue;
      const std::string key = name;
      const Schema& there = property(other, key);
      if (there == Schema(false)) return true;  // one needs what the other forbids
      if (needs(other, key) && exclude(property(*side, key), there, depth + 1)) return true;
    }
  }
  return false;
}

bool SchemaDocument::exclude(const Schema& left, const Schema& right, int depth) const {
  if (depth > 4) return false;
  const Schema a = follow(left), b = follow(right);
  if (a == Schema(false) || b == Schema(false)) return true;
  if (!a.is_object() || !b.is_object()) return false;
  for (const char* keyword : {"anyOf", "oneOf"})
    for (const auto& [side, other] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      const auto branches = side->find(keyword);
      if (branches != side->end() && branches->is_array() && !branches->empty() &&
          std::all_of(branches->begin(), branches->end(),
                      [&](const Schema& branch) { return exclude(branch, *other, depth + 1); }))
        return true;
    }
  Schema values = Schema::object();
  merge_values(a, b, values);
  const bool a_closed = a.contains("const") || a.contains("enum"), b_closed = b.contains("const") || b.contains("enum");
  if (a_closed && b_closed && values["enum"].empty()) return true;
  const auto bits = [&](const Schema& schema, bool closed) {
    uint32_t types = types_of(schema, "").ok() ? *types_of(schema, "") : uint32_t{kAllTypes};
    if (!closed) return types;
    uint32_t of_values = 0;
    Schema own = Schema::object();
    merge_values(schema, schema, own);
    for (const Schema& value : own["enum"]) of_values |= type_of_value(value);
    return types & of_values;
  };
  const uint32_t common = bits(a, a_closed) & bits(b, b_closed);
  if (common == 0) return true;
  const auto above = [](const Schema& low, const Schema& high) {
    return low.contains("minimum") && high.contains("maximum") && low["minimum"].is_number() &&
           low["minimum"] > high["maximum"];
  };
  if ((common & ~(kInteger | kFraction)) == 0) return above(a, b) || above(b, a);
  return common == kObject && objects_exclude(a, b, depth);
}

}  // namespace hearth::grammar
