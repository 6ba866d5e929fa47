// Filters over numbers and any value: default, tojson, int, float, round, attr, and those the sandbox refuses.
#include <algorithm>
#include <cmath>

#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

Result<Value> standard_value(Machine&, Bound& a) {
  const bool by_truth = a.has(2) && is_truthy(a[2]);
  if (!a[0].is(Kind::undefined) && (!by_truth || is_truthy(a[0]))) return a[0];
  return a.has(1) ? a[1] : make_text("");
}

Result<std::string> separator(const Value& separators, size_t at) {
  if ((!separators.is(Kind::list) && !separators.is(Kind::tuple)) || separators.items().size() != 2)
    return error("tojson: got '{}' as separators, want a pair of str", type_name(separators));
  TRY(const std::string_view text, take_text(separators.items()[at], "tojson: separators"));
  return std::string(text);
}

Result<Value> to_json(Machine& machine, Bound& a) {
  JsonStyle style;
  style.ascii_only = a.has(1) && is_truthy(a[1]);
  if (a.has(2) && a[2].is(Kind::text)) {
    style.indented = true;
    style.indent = a[2].text();
  } else if (a.has(2) && !a[2].is(Kind::none)) {
    TRY(const int64_t width, take_integer(a[2], "tojson: indent"));
    style.indented = true;
    style.indent.assign(static_cast<size_t>(std::clamp<int64_t>(width, 0, 64)), ' ');
  }
  if (style.indent.size() > 64) return error("tojson: got an indent of {} bytes, want at most 64", style.indent.size());
  if (style.indented) style.item_separator.resize(1);      // "," without its space
  if (a.has(3) && !a[3].is(Kind::none)) {
    TRY(style.item_separator, separator(a[3], 0));
    TRY(style.key_separator, separator(a[3], 1));
  }
  style.sort_keys = a.has(4) && is_truthy(a[4]);
  TRY_DONE(machine.spend(weight_of(a[0])));
  TRY(std::string text, print_json(a[0], style));
  return machine.new_text(std::move(text));
}

std::optional<int64_t> whole(double value) {
  if (!(value > -9.2e18 && value < 9.2e18)) return std::nullopt;
  return static_cast<int64_t>(value);
}

// int(text, base): sign, prefix of the base, underscores between digits.
std::optional<int64_t> parse_integer(std::string_view text, int64_t base) {
  text = strip(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::pair<std::string_view, int64_t> kPrefixes[] = {{"0x", 16}, {"0X", 16}, {"0o", 8},
                                                            {"0O", 8},  {"0b", 2},  {"0B", 2}};
  for (const auto& [prefix, meant] : kPrefixes) {
    if (!text.starts_with(prefix) || (base != meant && base != 0)) continue;
    text.remove_prefix(2);
    base = meant;
    break;
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36 || text.empty()) return std::nullopt;
  int64_t value = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && i > 0 && i + 1 < text.size() && text[i - 1] != '_') continue;
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 10
                      : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                             : 99;
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
      return std::nullopt;
  }
  return negative ? -value : value;
}

Result<Value> to_int(Machine&, Bound& a) {
  const Value standard = a.has(1) ? a[1] : make_integer(0);
  int64_t base = 10;
  if (a.has(2)) {
    TRY(base, take_integer(a[2], "int: base"));
  }
  std::optional<int64_t> value;
  if (a[0].is(Kind::undefined)) return undefined_error(a[0]);
  if (a[0].is(Kind::text)) {
    value = parse_integer(a[0].text(), base);
    const auto real = value ? std::nullopt : parse_real(strip(a[0].text()));
    if (real) value = whole(*real);
  } else if (a[0].is(Kind::real)) {
    value = whole(a[0].real);
  } else if (is_number(a[0])) {
    value = as_integer(a[0]);
  }
  return value ? make_integer(*value) : standard;
}

Result<Value> to_float(Machine&, Bound& a) {
  if (a[0].is(Kind::undefined)) return undefined_error(a[0]);
  if (is_number(a[0])) return make_real(as_real(a[0]));
  const auto real = a[0].is(Kind::text) ? parse_real(strip(a[0].text())) : std::nullopt;
  if (real) return make_real(*real);
  return a.has(1) ? a[1] : make_real(0);
}

Result<Value> absolute(Machine& machine, Bound& a) {
  if (a[0].is(Kind::real)) return make_real(std::fabs(a[0].real));
  if (a[0].is(Kind::undefined)) return undefined_error(a[0]);
  if (!is_number(a[0])) return error("TypeError: bad operand type for abs(): '{}'", type_name(a[0]));
  if (as_integer(a[0]) >= 0) return make_integer(as_integer(a[0]));
  return find_unary("-")->run(machine, a[0], a[0]);
}

Result<Value> round(Machine&, Bound& a) {
  int64_t digits = 0;
  if (a.has(1)) {
    TRY(digits, take_integer(a[1], "round: precision"));
  }
  const std::string method = a.has(2) ? print(a[2]) : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    return error("FilterArgumentError: method must be common, ceil or floor");
  if (a[0].is(Kind::undefined)) return undefined_error(a[0]);
  if (!is_number(a[0])) return error("TypeError: type {} doesn't define __round__ method", type_name(a[0]));
  if (method == "common" && !a[0].is(Kind::real) && digits >= 0) return make_integer(as_integer(a[0]));
  if (method == "common") {
    TRY(const double rounded, round_real(as_real(a[0]), digits));
    return a[0].is(Kind::real) ? make_real(rounded) : make_integer(static_cast<int64_t>(rounded));
  }
  const double scale = std::pow(10.0, static_cast<double>(digits)), scaled = as_real(a[0]) * scale;
  return make_real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result<Value> attribute(Machine& machine, Bound& a) {
  TRY(const std::string_view name, take_text(a[1], "attr: name"));
  if (a[0].is(Kind::dict) && !find_method(Kind::dict, name) && !changes_value(Kind::dict, name))
    return make_undefined(fmt::format("UndefinedError: 'dict object' has no attribute '{}'", name));
  return get_attribute(machine, a[0], name);
}

Result<Value> file_size(Machine& machine, Bound& a) {
  constexpr std::string_view kDecimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
  constexpr std::string_view kBinary[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
  const bool binary = a.has(1) && is_truthy(a[1]);
  if (!is_number(a[0])) return error("TypeError: filesizeformat: got '{}', want a number", type_name(a[0]));
  const double bytes = as_real(a[0]), base = binary ? 1024 : 1000;
  if (bytes == 1) return machine.new_text("1 Byte");
  if (bytes < base) return machine.new_text(fmt::format("{:.0f} Bytes", bytes));
  double unit = base;
  size_t i = 0;
  for (unit = base * base; i < 7 && bytes >= unit; ++i) unit *= base;
  return machine.new_text(fmt::format("{:.1f} {}", base * bytes / unit, (binary ? kBinary : kDecimal)[i]));
}

Result<Value> pretty(Machine& machine, Bound& a) {
  TRY_DONE(machine.spend(weight_of(a[0])));
  return machine.new_text(represent(a[0]));
}

Result<Value> refused(Machine&, Bound&) {
  return error("SecurityError: this filter is refused: a template must give the same text each time and touch no HTML");
}

constexpr Builtin kFilters[] = {
    {"default", "value default_value? boolean?", standard_value},
    {"d", "value default_value? boolean?", standard_value},
    {"tojson", "x ensure_ascii? indent? separators? sort_keys?", to_json},
    {"int", "value default? base?", to_int},
    {"float", "value default?", to_float},
    {"abs", "x", absolute},
    {"round", "value precision? method?", round},
    {"attr", "obj name", attribute},
    {"filesizeformat", "value binary?", file_size},
    {"pprint", "value", pretty},
    {"random", "value * **", refused},
    {"urlize", "value * **", refused},
    {"xmlattr", "value * **", refused},
    {"wordwrap", "value * **", refused},
};

}  // namespace

std::span<const Builtin> other_filters() { return kFilters; }

// Half to even, on the exact decimal digits of the number.
Result<double> round_real(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 300) return value;
  if (digits >= 0) return parse_real(fmt::format("{:.{}f}", value, static_cast<int>(digits))).value_or(value);
  if (digits < -300) return 0.0;
  const double scale = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / scale) * scale;
}

}  // namespace hearth::jinja
