// Random JSON Schemas, of everything that grammars support.
#pragma once

#include <algorithm>
#include <random>
#include <string>

#include "base/json.h"

namespace hearth {

class RandomSchema {
 public:
  explicit RandomSchema(uint32_t seed) : random_(seed) {}

  OrderedJson document() {
    OrderedJson schema = make(0);
    if (schema.is_boolean()) schema = OrderedJson::object();
    OrderedJson definitions = OrderedJson::object();
    definitions["leaf"] = scalar();
    definitions["node"] = {
        {"type", "object"},
        {"properties", {{"value", scalar()}, {"next", {{"anyOf", {{{"$ref", "#/$defs/node"}}, {{"type", "null"}}}}}}}},
        {"required", {"value", "next"}},
        {"additionalProperties", false}};
    definitions["tree"] = {{"type", "array"}, {"items", {{"$ref", "#/$defs/tree"}}}, {"maxItems", 3}};
    schema["$defs"] = definitions;
    return schema;
  }

 private:
  uint32_t below(uint32_t n) { return random_() % n; }
  bool chance(uint32_t percent) { return below(100) < percent; }

  std::string name() {
    static const char* const kNames[] = {"a",   "ab",    "abc",  "name", "née",   "x y", "q\"q",
                                         "b\\", "tab\t", "日本", "",     "value", "😀"};
    return kNames[below(std::size(kNames))];
  }

  OrderedJson literal(int depth) {
    switch (below(depth > 1 ? 7 : 9)) {
      case 0:
        return nullptr;
      case 1:
        return chance(50);
      case 2:
        return static_cast<int>(below(2000)) - 1000;
      case 3:
        return (static_cast<int>(below(2000)) - 1000) / 8.0;
      case 7:
        return OrderedJson::array({literal(depth + 1), literal(depth + 1)});
      case 8:
        return OrderedJson{{name(), literal(depth + 1)}};
      default:
        return name();
    }
  }

  OrderedJson number() {
    OrderedJson s{{"type", chance(50) ? "integer" : "number"}};
    if (chance(40)) return s;
    const bool whole = s["type"] == "integer" || chance(50);
    const double scale = whole ? 1 : 100;
    const int low = static_cast<int>(below(3000)) - 1500,
              high = low + 1 + static_cast<int>(below(chance(50) ? 30 : 200'000));
    const auto put = [&](const char* key, int value) {
      if (whole)
        s[key] = value;
      else
        s[key] = value / scale;
    };
    if (chance(70)) put(chance(30) ? "exclusiveMinimum" : "minimum", low);
    if (chance(70)) put(chance(30) ? "exclusiveMaximum" : "maximum", high + (whole ? 10 : 0));
    if (whole && chance(25)) s["multipleOf"] = 1 + below(9);
    return s;
  }

  OrderedJson string() {
    static const char* const kPatterns[] = {"^[a-z]{2,5}$", "^\\d{3}-\\d{4}$", "ab+c",
                                            "^(foo|bar)",   "[0-9]$",          "^[A-Z][a-z]*( [A-Z][a-z]*)*$",
                                            "^[^x]*$",      "^a|b$",           "^\\w+@\\w+\\.com$",
                                            "^\"?\\\\*$",   "^$|^x{2}"};
    static const char* const kFormats[] = {"date", "time", "date-time", "uuid", "email",
                                           "ipv4", "ipv6", "hostname",  "uri",  "duration"};
    OrderedJson s{{"type", "string"}};
    const uint32_t kind = below(10);
    if (kind < 3) s["pattern"] = kPatterns[below(std::size(kPatterns))];
    if (kind == 3) s["format"] = kFormats[below(std::size(kFormats))];
    if (kind == 4) {
      s["pattern"] = kPatterns[below(std::size(kPatterns))];
      if (chance(50)) s["minLength"] = below(8);
      s["maxLength"] = 8 + below(30);
    }
    if (kind == 5 || kind == 6) {
      const uint32_t low = below(12);
      if (chance(60)) s["minLength"] = low;
      if (chance(60)) s["maxLength"] = low + below(80);
    }
    return s;
  }

  OrderedJson scalar() {
    switch (below(8)) {
      case 0:
        return {{"type", "null"}};
      case 1:
        return {{"type", "boolean"}};
      case 2:
      case 3:
        return number();
      case 4:
        return {{"const", literal(0)}};
      case 5: {
        OrderedJson values = OrderedJson::array();
        for (uint32_t n = 1 + below(5); n > 0; --n) values.push_back(literal(0));
        return {{"enum", values}};
      }
      default:
        return string();
    }
  }

  OrderedJson object(int depth) {
    OrderedJson s{{"type", "object"}}, properties = OrderedJson::object(), required = OrderedJson::array();
    for (uint32_t n = below(6); n > 0; --n) {
      const std::string key = name();
      if (properties.contains(key)) continue;
      properties[key] = make(depth + 1);
      if (chance(50)) required.push_back(key);
    }
    const auto count = static_cast<uint32_t>(properties.size()), needed = static_cast<uint32_t>(required.size());
    if (chance(90)) s["properties"] = properties;
    if (!required.empty()) s["required"] = required;
    if (chance(50))
      s["additionalProperties"] = false;
    else if (chance(40))
      s["additionalProperties"] = make(depth + 1);
    if (chance(15) && count > needed) s["minProperties"] = needed + 1;
    if (chance(15)) s["maxProperties"] = std::max(needed, 1u) + below(3);
    return s;
  }

  OrderedJson array(int depth) {
    OrderedJson s{{"type", "array"}};
    const uint32_t low = below(4);
    if (chance(75)) s["items"] = make(depth + 1);
    if (chance(30)) {
      s["prefixItems"] = OrderedJson::array();
      for (uint32_t n = 1 + below(3); n > 0; --n) s["prefixItems"].push_back(make(depth + 1));
    }
    if (chance(40)) s["minItems"] = low;
    if (chance(40)) s["maxItems"] = low + below(5);
    return s;
  }

  OrderedJson make(int depth) {
    if (depth >= 3) return chance(20) ? OrderedJson{{"$ref", "#/$defs/leaf"}} : scalar();
    switch (below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return object(depth);
      case 4:
      case 5:
        return array(depth);
      case 6:
        return {{"anyOf", {make(depth + 1), make(depth + 1), scalar()}}};
      case 7:
        return {{"oneOf", {{{"type", "string"}}, number(), {{"type", {"null", "boolean"}}}}}};
      case 8:
        return {{"allOf",
                 {object(depth + 1),
                  {{"type", "object"}, {"properties", {{"extra", scalar()}}}, {"required", {"extra"}}}}}};
      case 9:
        return {{"$ref", chance(50) ? "#/$defs/node" : "#/$defs/tree"}};
      case 10:
        return {{"type", {"string", "null", "integer"}}, {"minLength", below(4)}, {"minimum", below(50)}};
      case 11:
        return OrderedJson::object();
      default:
        return scalar();
    }
  }

  std::mt19937 random_;
};

}  // namespace hearth
