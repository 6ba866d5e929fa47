// JSON access that reports instead of throwing.
#include "base/json.h"

namespace hearth {
namespace {

bool too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    else if (c == '{' || c == '[') {
      if (++depth > 256) return true;
    } else if (c == '}' || c == ']') --depth;
  }
  return false;
}

template <class J>
Result<J> parse(std::string_view text, std::string_view who) {
  if (too_deep(text)) return error("{}: got JSON nested deeper than 256 levels", who);
  J value = J::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return error("{}: got {} bytes that are not valid JSON", who, text.size());
  return value;
}

Result<const Json*> find(const Json& object, const std::string& key, std::string_view who, const char* want) {
  if (!object.is_object()) return error("{}: got {}, want an object with '{}'", who, object.type_name(), key);
  const auto it = object.find(key);
  if (it == object.end()) return error("{}: '{}' is missing, want {}", who, key, want);
  return &*it;
}

Error wrong(std::string_view who, const std::string& key, const Json& got, const char* want) {
  return error("{}: '{}': got {}, want {}", who, key, got.type_name(), want);
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view who) { return parse<Json>(text, who); }
Result<OrderedJson> parse_ordered_json(std::string_view text, std::string_view who) {
  return parse<OrderedJson>(text, who);
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Result<int64_t> get_int(const Json& object, const std::string& key, std::string_view who) {
  TRY(const Json* value, find(object, key, who, "an integer"));
  if (value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return error("{}: '{}': got a number over 2^63, want an integer", who, key);
  if (value->is_number_integer()) return value->get<int64_t>();
  if (value->is_number_float()) {
    const double number = value->get<double>();
    if (number > -9e15 && number < 9e15 && number == static_cast<double>(static_cast<int64_t>(number)))
      return static_cast<int64_t>(number);
  }
  return wrong(who, key, *value, "an integer");
}

Result<double> get_number(const Json& object, const std::string& key, std::string_view who) {
  TRY(const Json* value, find(object, key, who, "a number"));
  if (!value->is_number()) return wrong(who, key, *value, "a number");
  return value->get<double>();
}

Result<bool> get_bool(const Json& object, const std::string& key, std::string_view who) {
  TRY(const Json* value, find(object, key, who, "true or false"));
  if (!value->is_boolean()) return wrong(who, key, *value, "true or false");
  return value->get<bool>();
}

Result<std::string> get_string(const Json& object, const std::string& key, std::string_view who) {
  TRY(const Json* value, find(object, key, who, "a string"));
  if (!value->is_string()) return wrong(who, key, *value, "a string");
  return value->get<std::string>();
}

bool has(const Json& object, const std::string& key) {
  if (!object.is_object()) return false;
  const auto it = object.find(key);
  return it != object.end() && !it->is_null();
}

}  // namespace hearth
