// Strings of JSON Schema: length, pattern and format.
#include <algorithm>

#include "engine/json_schema_compiler.h"

namespace hearth::grammar {
namespace {

#define DAY_OF_YEAR \
  "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))"
#define LEAP_YEAR "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
#define DATE "(?:\\d{4}-" DAY_OF_YEAR "|" LEAP_YEAR "-02-29)"
#define TIME "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"
#define OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define IPV4 OCTET "(?:\\." OCTET "){3}"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define H16 "[0-9A-Fa-f]{1,4}"

struct Format {
  const char* name;
  const char* pattern;  // of a subset that every validator agrees on
};
constexpr Format kFormats[] = {
    {"date", "^" DATE "$"},
    {"time", "^" TIME "$"},
    {"date-time", "^" DATE "[Tt]" TIME "$"},
    {"duration",
     "^P(?:\\d{1,9}W|\\d{1,9}D|(?:\\d{1,9}Y)(?:\\d{1,9}M(?:\\d{1,9}D)?)?|\\d{1,9}M(?:\\d{1,9}D)?|"
     "T(?:\\d{1,9}H(?:\\d{1,9}M(?:\\d{1,9}S)?)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S))$"},
    {"uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
    {"email", "^[A-Za-z0-9_+-]{1,30}(?:\\.[A-Za-z0-9_+-]{1,30})?@" LABEL "(?:\\." LABEL "){1,2}$"},
    {"hostname", "^" LABEL "(?:\\." LABEL "){0,2}$"},
    {"ipv4", "^" IPV4 "$"},
    {"ipv6", "^(?:" H16 "(?::" H16 "){7}|" H16 "(?::" H16 "){0,5}::(?:" H16 ")?|::(?:" H16 "(?::" H16 "){0,5})?)$"},
    {"uri", "^https?://" LABEL "(?:\\." LABEL "){0,3}(?::\\d{1,4})?(?:/[A-Za-z0-9._~-]{0,64}){0,16}"
            "(?:\\?[A-Za-z0-9._~=&-]{0,256})?(?:#[A-Za-z0-9._~-]{0,64})?$"},
};

}  // namespace

Result<ExprPtr> SchemaCompiler::string(const Schema& schema, const Where& where) {
  TRY(const uint32_t min, count(schema, "minLength", 0, where));
  TRY(const uint32_t max, count(schema, "maxLength", kNoLimit, where));
  if (min > max || min == kNoLimit) return nothing();
  const std::string who = "json schema: '" + where.path + "'";
  std::vector<RegexPtr> regexes;
  for (const char* keyword : {"pattern", "format"}) {
    const auto found = schema.find(keyword);
    if (found == schema.end()) continue;
    for (const Schema& one : found->is_array() ? *found : Schema::array({*found})) {
      if (!one.is_string()) return wrong(where, fmt::format("'{}' must be a string", keyword));
      const std::string text = one;
      const auto* format =
          std::find_if(std::begin(kFormats), std::end(kFormats), [&](const Format& f) { return text == f.name; });
      if (std::string_view(keyword) == "format" && format == std::end(kFormats)) continue;
      const char* pattern = std::string_view(keyword) == "format" ? format->pattern : text.c_str();
      TRY(RegexPtr regex,
          parse_regex(std::string_view(keyword) == "format" ? pattern : std::string_view(text), Match::search, who));
      regexes.push_back(std::move(regex));
    }
  }
  const ExprPtr quote = literal("\"");
  if (regexes.empty()) {
    if (min == 0 && max == kNoLimit) return rule(string_);
    return sequence({quote, repeat(json_char(), min, max), quote});
  }
  const LengthRange own = lengths_of(*regexes[0]);
  if (regexes.size() == 1 && own.min >= min && own.max <= max)
    return sequence({quote, expression_of(*regexes[0], Coding::json), quote});
  TRY(ExprPtr both, intersection(regexes, {min, max}, Coding::json, who));
  return sequence({quote, std::move(both), quote});
}

}  // namespace hearth::grammar
