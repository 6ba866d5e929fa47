// Options: typed access to a JSON object, without exceptions.
#include "api/options.h"

#include <algorithm>
#include <limits>

namespace hearth {

Result<Options> Options::parse(const char* json, const std::string& who, const std::vector<std::string>& known) {
  Options options;
  options.who_ = who;
  options.values_ = OrderedJson::object();
  if (json == nullptr || *json == 0) return options;
  TRY(options.values_, parse_ordered_json(json, who));
  if (!options.values_.is_object()) return error("{}: got {}, want a JSON object", who, options.values_.type_name());
  for (const auto& item : options.values_.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      return error("{}: unknown key '{}', want one of: {}", who, item.key(), fmt::join(known, ", "));
    }
  }
  return options;
}

bool Options::has(const std::string& key) const {
  const auto found = values_.find(key);
  return found != values_.end() && !found->is_null();
}

Error Options::wrong_type(const std::string& key, const char* want) const {
  return error("{}: '{}': got {}, want {}", who_, key, values_.at(key).type_name(), want);
}

Result<std::string> Options::text(const std::string& key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  if (!values_.at(key).is_string()) return wrong_type(key, "text");
  return values_.at(key).get<std::string>();
}

Result<std::vector<std::string>> Options::texts(const std::string& key) const {
  std::vector<std::string> texts;
  if (!has(key)) return texts;
  const OrderedJson& list = values_.at(key);
  if (list.is_string()) return std::vector<std::string>{list.get<std::string>()};
  if (!list.is_array()) return wrong_type(key, "a list of texts");
  for (const OrderedJson& item : list) {
    if (!item.is_string()) return error("{}: '{}': got {} in the list, want text", who_, key, item.type_name());
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<int64_t> Options::integer(const std::string& key, int64_t fallback, Range range) const {
  if (!has(key)) return fallback;
  const OrderedJson& value = values_.at(key);
  if (!value.is_number_integer()) return wrong_type(key, "an integer");
  const int64_t number = value.get<int64_t>();
  if (static_cast<double>(number) < range.least || static_cast<double>(number) > range.most) {
    return error("{}: '{}' is {}, want {} to {}", who_, key, number, range.least, range.most);
  }
  return number;
}

Result<double> Options::number(const std::string& key, double fallback, Range range) const {
  if (!has(key)) return fallback;
  if (!values_.at(key).is_number()) return wrong_type(key, "a number");
  const double number = values_.at(key).get<double>();
  if (!(number >= range.least && number <= range.most)) {
    return error("{}: '{}' is {}, want {} to {}", who_, key, number, range.least, range.most);
  }
  return number;
}

Result<bool> Options::flag(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!values_.at(key).is_boolean()) return wrong_type(key, "true or false");
  return values_.at(key).get<bool>();
}

Result<std::vector<int32_t>> Options::ids(const std::string& key) const {
  std::vector<int32_t> ids;
  if (!has(key)) return ids;
  const OrderedJson& list = values_.at(key);
  if (!list.is_array()) return wrong_type(key, "a list of ids");
  ids.reserve(list.size());
  for (const OrderedJson& item : list) {
    if (!item.is_number_integer()) return error("{}: '{}': got {} in the list, want an id", who_, key, item.type_name());
    const int64_t id = item.get<int64_t>();
    if (id < 0 || id > std::numeric_limits<int32_t>::max()) return error("{}: '{}': {} is no id", who_, key, id);
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

}  // namespace hearth
