// A validator of JSON Schema that knows nothing of the grammar compiler.
#pragma once

#include <algorithm>
#include <cmath>
#include <regex>
#include <string>

#include "base/json.h"

namespace hearth {

class SchemaValidator {
 public:
  explicit SchemaValidator(const Json& root) : root_(root) {}
  bool valid(const Json& value) const { return valid(root_, value, 0); }

 private:
  static size_t length(const std::string& text) {
    size_t count = 0;
    for (const char c : text) count += (c & 0xC0) != 0x80;
    return count;
  }

  static bool has_type(const std::string& type, const Json& v) {
    if (type == "null") return v.is_null();
    if (type == "boolean") return v.is_boolean();
    if (type == "string") return v.is_string();
    if (type == "array") return v.is_array();
    if (type == "object") return v.is_object();
    if (type == "number") return v.is_number();
    return v.is_number_integer() || (v.is_number_float() && std::floor(v.get<double>()) == v.get<double>());
  }

  bool valid(const Json& s, const Json& v, int depth) const {
    if (depth > 200) return false;
    if (s.is_boolean()) return s.get<bool>();
    if (s.contains("$ref")) {
      const std::string ref = s["$ref"];
      if (!valid(root_.at(Json::json_pointer(ref.substr(1))), v, depth + 1)) return false;
    }
    if (s.contains("type")) {
      bool any = false;
      for (const Json& type : s["type"].is_array() ? s["type"] : Json::array({s["type"]})) any |= has_type(type, v);
      if (!any) return false;
    }
    if (s.contains("const") && s["const"] != v) return false;
    if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end()) return false;
    size_t holds = 0;
    for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
      if (!s.contains(keyword)) continue;
      holds = 0;
      for (const Json& part : s[keyword]) holds += valid(part, v, depth + 1);
      const std::string name = keyword;
      if (name == "allOf" ? holds != s[keyword].size() : name == "anyOf" ? holds == 0 : holds != 1) return false;
    }
    return valid_number(s, v) && valid_string(s, v) && valid_array(s, v, depth) && valid_object(s, v, depth);
  }

  static bool valid_number(const Json& s, const Json& v) {
    if (!v.is_number()) return true;
    if (s.contains("minimum") && v < s["minimum"]) return false;
    if (s.contains("maximum") && v > s["maximum"]) return false;
    if (s.contains("exclusiveMinimum") && v <= s["exclusiveMinimum"]) return false;
    if (s.contains("exclusiveMaximum") && v >= s["exclusiveMaximum"]) return false;
    if (!s.contains("multipleOf")) return true;
    const double times = v.get<double>() / s["multipleOf"].get<double>();
    return std::abs(times - std::round(times)) < 1e-6;
  }

  static bool valid_string(const Json& s, const Json& v) {
    if (!v.is_string()) return true;
    const std::string text = v;
    if (s.contains("minLength") && length(text) < s["minLength"].get<size_t>()) return false;
    if (s.contains("maxLength") && length(text) > s["maxLength"].get<size_t>()) return false;
    if (s.contains("pattern") && !std::regex_search(text, std::regex(s["pattern"].get<std::string>()))) return false;
    if (s.value("format", "") == "date" && !std::regex_match(text, std::regex("\\d{4}-\\d\\d-\\d\\d"))) return false;
    return true;
  }

  bool valid_array(const Json& s, const Json& v, int depth) const {
    if (!v.is_array()) return true;
    if (s.contains("minItems") && v.size() < s["minItems"].get<size_t>()) return false;
    if (s.contains("maxItems") && v.size() > s["maxItems"].get<size_t>()) return false;
    const size_t fixed = s.contains("prefixItems") ? s["prefixItems"].size() : 0;
    for (size_t i = 0; i < v.size(); ++i) {
      if (i < fixed && !valid(s["prefixItems"][i], v[i], depth + 1)) return false;
      if (i >= fixed && s.contains("items") && !valid(s["items"], v[i], depth + 1)) return false;
    }
    return true;
  }

  bool valid_object(const Json& s, const Json& v, int depth) const {
    if (!v.is_object()) return true;
    if (s.contains("minProperties") && v.size() < s["minProperties"].get<size_t>()) return false;
    if (s.contains("maxProperties") && v.size() > s["maxProperties"].get<size_t>()) return false;
    if (s.contains("required"))
      for (const Json& name : s["required"])
        if (!v.contains(name.get<std::string>())) return false;
    for (const auto& [key, value] : v.items()) {
      const bool declared = s.contains("properties") && s["properties"].contains(key);
      if (declared && !valid(s["properties"][key], value, depth + 1)) return false;
      if (!declared && s.contains("additionalProperties") && !valid(s["additionalProperties"], value, depth + 1))
        return false;
    }
    return true;
  }

  const Json& root_;
};

}  // namespace hearth
