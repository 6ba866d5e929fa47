// JSON by nlohmann, without its exceptions: parsing and typed access return Result.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;      // keeps the order of keys (templates need it)

// Parses `text`; refuses nesting deeper than 256 and trailing bytes. `who` starts the error's line.
Result<Json> parse_json(std::string_view text, std::string_view who);
Result<OrderedJson> parse_ordered_json(std::string_view text, std::string_view who);

// Compact text; bytes that are no UTF-8 become U+FFFD instead of throwing.
std::string dump(const Json& value);

// object[key] as T, or an error naming who, key, what was found and what was wanted.
Result<int64_t> get_int(const Json& object, const std::string& key, std::string_view who);
Result<double> get_number(const Json& object, const std::string& key, std::string_view who);
Result<bool> get_bool(const Json& object, const std::string& key, std::string_view who);
Result<std::string> get_string(const Json& object, const std::string& key, std::string_view who);

// Is `key` present and not null?
bool has(const Json& object, const std::string& key);

}  // namespace hearth
