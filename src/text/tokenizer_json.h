// Typed access to tokenizer.json by simdjson, without its exceptions: a value, nothing, or one line that says why not.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

using JsonElement = simdjson::dom::element;

// Steps nest (a Sequence in a Sequence); deeper than this is refused.
constexpr int kMaxNesting = 16;

std::string_view kind_of(JsonElement value);                     // "a string", "an object", ...
bool is_object(JsonElement value);
bool is_array(JsonElement value);

// object[key]; absent and null are the same.
std::optional<JsonElement> field(JsonElement object, std::string_view key);

// `who` starts the error's line: "tokenizer.json: decoder".
Result<bool> flag_field(JsonElement object, std::string_view key, bool otherwise, std::string_view who);
Result<std::string> string_field(JsonElement object, std::string_view key, std::string_view who);
Result<std::string> string_field_or(JsonElement object, std::string_view key, std::string_view otherwise,
                                    std::string_view who);
Result<int64_t> int_field(JsonElement object, std::string_view key, int64_t otherwise, std::string_view who);
Result<simdjson::dom::array> array_field(JsonElement object, std::string_view key, std::string_view who);
// A string of exactly one character.
Result<char32_t> char_field(JsonElement object, std::string_view key, std::string_view otherwise, std::string_view who);
// {"String": "..."} or {"Regex": "..."} or a bare string.
class Regex;
Result<Regex> pattern_field(JsonElement object, std::string_view key, std::string_view who);

}  // namespace hearth
