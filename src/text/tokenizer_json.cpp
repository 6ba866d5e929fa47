// Typed access to tokenizer.json: every wrong type is one line naming the field.
#include "text/tokenizer_json.h"

#include "text/regex.h"
#include "text/utf8.h"

namespace hearth {

using simdjson::dom::element_type;

std::string_view kind_of(JsonElement value) {
  switch (value.type()) {
    case element_type::ARRAY: return "an array";
    case element_type::OBJECT: return "an object";
    case element_type::STRING: return "a string";
    case element_type::BOOL: return "a boolean";
    case element_type::NULL_VALUE: return "null";
    default: return "a number";
  }
}

bool is_object(JsonElement value) { return value.type() == element_type::OBJECT; }
bool is_array(JsonElement value) { return value.type() == element_type::ARRAY; }

std::optional<JsonElement> field(JsonElement object, std::string_view key) {
  simdjson::dom::object members;
  if (object.get(members) != simdjson::SUCCESS) return std::nullopt;
  JsonElement value;
  if (members.at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

namespace {

Error wrong_type(std::string_view who, std::string_view key, std::optional<JsonElement> found, std::string_view wanted) {
  return error("{}.{}: got {}, want {}", who, key, found ? kind_of(*found) : "nothing", wanted);
}

}  // namespace

Result<bool> flag_field(JsonElement object, std::string_view key, bool otherwise, std::string_view who) {
  auto found = field(object, key);
  if (!found) return otherwise;
  bool value;
  if (found->get(value) != simdjson::SUCCESS) return wrong_type(who, key, found, "a boolean");
  return value;
}

Result<std::string> string_field(JsonElement object, std::string_view key, std::string_view who) {
  auto found = field(object, key);
  std::string_view value;
  if (!found || found->get(value) != simdjson::SUCCESS) return wrong_type(who, key, found, "a string");
  return std::string(value);
}

Result<std::string> string_field_or(JsonElement object, std::string_view key, std::string_view otherwise,
                                    std::string_view who) {
  if (!field(object, key)) return std::string(otherwise);
  return string_field(object, key, who);
}

Result<int64_t> int_field(JsonElement object, std::string_view key, int64_t otherwise, std::string_view who) {
  auto found = field(object, key);
  if (!found) return otherwise;
  int64_t value;
  if (found->get(value) != simdjson::SUCCESS) return wrong_type(who, key, found, "an integer");
  return value;
}

Result<simdjson::dom::array> array_field(JsonElement object, std::string_view key, std::string_view who) {
  auto found = field(object, key);
  simdjson::dom::array value;
  if (!found || found->get(value) != simdjson::SUCCESS) return wrong_type(who, key, found, "an array");
  return value;
}

Result<char32_t> char_field(JsonElement object, std::string_view key, std::string_view otherwise,
                            std::string_view who) {
  TRY(std::string text, string_field_or(object, key, otherwise, who));
  size_t at = 0;
  char32_t c = text.empty() ? 0 : next_char(text, at);
  if (text.empty() || at != text.size()) return error("{}.{}: got '{}', want one character", who, key, text);
  return c;
}

Result<Regex> pattern_field(JsonElement object, std::string_view key, std::string_view who) {
  auto pattern = field(object, key);
  std::string_view text;
  if (pattern && pattern->get(text) == simdjson::SUCCESS) return Regex::literal(text);
  if (pattern) {
    auto literal = field(*pattern, "String");
    if (literal && literal->get(text) == simdjson::SUCCESS) return Regex::literal(text);
    auto regex = field(*pattern, "Regex");
    if (regex && regex->get(text) == simdjson::SUCCESS) {
      auto compiled = Regex::compile(text);
      if (!compiled.ok()) return compiled.within(fmt::format("{}.{}", who, key));
      return compiled;
    }
  }
  return wrong_type(who, key, pattern, "{\"String\": ...} or {\"Regex\": ...}");
}

}  // namespace hearth
