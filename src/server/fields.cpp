// Fields: every reader marks its key as known; what is left unknown at the end is an error.
#include "server/fields.h"

#include <algorithm>

namespace hearth {
namespace {

std::string shown(const OrderedJson& value) {
  std::string text = dump(value);
  constexpr size_t kMost = 60;
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return fmt::format("{} {}", value.type_name(), text);
}

}  // namespace

Fields::Fields(const OrderedJson& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object()) {
    error_ = bad_request(fmt::format("'{}': got {}, want an object", where_, shown(object)), where_);
  }
}

std::string Fields::path(const std::string& key) const { return where_.empty() ? key : where_ + "." + key; }

bool Fields::has(const std::string& key) const {
  if (!object_.is_object()) return false;
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

const OrderedJson* Fields::find(const std::string& key) {
  known_.insert(key);
  return has(key) ? &object_.at(key) : nullptr;
}

void Fields::fail(ApiError error) {
  if (!error_) error_ = std::move(error);
}

void Fields::fail(const std::string& key, const std::string& message) {
  fail(bad_request(fmt::format("'{}': {}", path(key), message), path(key)));
}

void Fields::wrong_type(const std::string& key, const OrderedJson& value, const char* want) {
  fail(key, fmt::format("got {}, want {}", shown(value), want));
}

std::string Fields::text(const std::string& key, std::string fallback) {
  const OrderedJson* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  wrong_type(key, *value, "a string");
  return fallback;
}

std::string Fields::need_text(const std::string& key) {
  if (!has(key)) fail(key, "is missing, want a string");
  return text(key);
}

int64_t Fields::integer(const std::string& key, int64_t fallback, Between range) {
  const OrderedJson* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer()) {
    wrong_type(key, *value, "an integer");
    return fallback;
  }
  const bool huge = value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  const auto number = static_cast<double>(value->get<int64_t>());
  if (huge || number < range.least || number > range.most) {
    fail(key, fmt::format("is {}, want {} to {}", dump(*value), range.least, range.most));
    return fallback;
  }
  return value->get<int64_t>();
}

double Fields::number(const std::string& key, double fallback, Between range) {
  const OrderedJson* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) {
    wrong_type(key, *value, "a number");
    return fallback;
  }
  const double number = value->get<double>();
  if (number >= range.least && number <= range.most) return number;
  fail(key, fmt::format("is {}, want {} to {}", number, range.least, range.most));
  return fallback;
}

bool Fields::flag(const std::string& key, bool fallback) {
  const OrderedJson* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  wrong_type(key, *value, "true or false");
  return fallback;
}

std::string Fields::one_of(const std::string& key, std::string fallback, const std::vector<std::string>& allowed) {
  std::string value = text(key, std::move(fallback));
  if (has(key) && std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    fail(key, fmt::format("is \"{}\", want one of: {}", value, fmt::join(allowed, ", ")));
  }
  return value;
}

std::vector<std::string> Fields::texts(const std::string& key) {
  std::vector<std::string> all;
  const OrderedJson* value = find(key);
  if (value == nullptr) return all;
  if (value->is_string()) return {value->get<std::string>()};
  if (!value->is_array()) {
    wrong_type(key, *value, "a string or a list of strings");
    return all;
  }
  for (const OrderedJson& item : *value) {
    if (item.is_string()) {
      all.push_back(item.get<std::string>());
    } else {
      wrong_type(fmt::format("{}[{}]", key, all.size()), item, "a string");
      return all;
    }
  }
  return all;
}

const OrderedJson* Fields::object(const std::string& key) {
  const OrderedJson* value = find(key);
  if (value == nullptr || value->is_object()) return value;
  wrong_type(key, *value, "an object");
  return nullptr;
}

const OrderedJson* Fields::list(const std::string& key) {
  const OrderedJson* value = find(key);
  if (value == nullptr || value->is_array()) return value;
  wrong_type(key, *value, "a list");
  return nullptr;
}

const OrderedJson* Fields::any(const std::string& key) { return find(key); }

void Fields::ignore(std::initializer_list<const char*> keys) {
  for (const char* key : keys) known_.insert(key);
}

std::optional<ApiError> Fields::done() {
  if (error_ || !object_.is_object()) return error_;
  for (const auto& item : object_.items()) {
    if (known_.contains(item.key())) continue;
    const std::string name = path(item.key());
    error_ = bad_request(fmt::format("'{}': unknown field; known here: {}", name, fmt::join(known_, ", ")), name);
    error_->code = "unknown_parameter";
    break;
  }
  return error_;
}

ApiResult<OrderedJson> read_body(const HttpRequest& request) {
  auto parsed = parse_ordered_json(request.body, "body");
  if (!parsed.ok()) return bad_request(parsed.message());
  if (!parsed->is_object()) return bad_request(fmt::format("body: got {}, want a JSON object", parsed->type_name()));
  return std::move(*parsed);
}

}  // namespace hearth
