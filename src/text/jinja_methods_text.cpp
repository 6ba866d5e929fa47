// Methods of str about its form: case, stripping, padding, classes, formatting.
#include <algorithm>

#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

const std::string& self(const Bound& a) { return a[0].text(); }
bool markup(const Bound& a) { return a[0].as<TextObject>().markup; }

template <std::string (*map)(std::string_view)>
Result<Value> map_case(Machine& machine, Bound& a) {
  return machine.new_text(map(self(a)), markup(a));
}

template <Side side>
Result<Value> strip_side(Machine& machine, Bound& a) {
  if (!a.has(1) || a[1].is(Kind::none)) return machine.new_text(std::string(strip(self(a), side)), markup(a));
  TRY(const std::string_view characters, take_text(a[1], "strip: chars"));
  return machine.new_text(std::string(strip_of(self(a), characters, side)), markup(a));
}

// Every code point is of the class, and there is one.
template <bool (*belongs)(int32_t)>
Result<Value> all_are(Machine&, Bound& a) {
  bool all = !self(a).empty();
  for (size_t at = 0; at < self(a).size() && all;) all = belongs(next_code_point(self(a), at));
  return make_boolean(all);
}

bool is_alphanumeric(int32_t c) { return is_alpha(c) || is_numeric(c); }
bool is_ascii(int32_t c) { return c < 128; }

Result<Value> is_ascii_text(Machine& machine, Bound& a) {
  return self(a).empty() ? make_boolean(true) : all_are<is_ascii>(machine, a);
}

Result<Value> is_printable_text(Machine& machine, Bound& a) {
  return self(a).empty() ? make_boolean(true) : all_are<is_printable>(machine, a);
}

template <bool (*wanted)(int32_t), bool (*refused)(int32_t)>
Result<Value> is_cased_as(Machine&, Bound& a) {
  bool found = false;
  for (size_t at = 0; at < self(a).size();) {
    const int32_t c = next_code_point(self(a), at);
    if (refused(c) || is_title(c)) return make_boolean(false);
    found |= wanted(c);
  }
  return make_boolean(found);
}

Result<Value> is_titled(Machine&, Bound& a) {
  bool found = false, inside = false;
  for (size_t at = 0; at < self(a).size();) {
    const int32_t c = next_code_point(self(a), at);
    const bool begins = is_upper(c) || is_title(c), continues = is_lower(c);
    if ((begins && inside) || (continues && !inside)) return make_boolean(false);
    inside = begins || continues;
    found |= inside;
  }
  return make_boolean(found);
}

Result<Value> is_identifier(Machine&, Bound& a) {
  size_t at = 0;
  bool fits = !self(a).empty();
  while (at < self(a).size() && fits) {
    const bool first = at == 0;
    const int32_t c = next_code_point(self(a), at);
    fits = c == '_' || is_alpha(c) || (!first && is_decimal(c));
  }
  return make_boolean(fits);
}

enum class Align : uint8_t { left, right, center };

// Pads to a width in code points.
template <Align align>
Result<Value> pad(Machine& machine, Bound& a) {
  TRY(const int64_t width, take_integer(a[1], "width"));
  std::string_view fill = " ";
  if (a.has(2)) {
    TRY(fill, take_text(a[2], "fillchar"));
  }
  if (count_code_points(fill) != 1) return error("TypeError: The fill character must be exactly one character long");
  const int64_t missing = width - a[0].as<TextObject>().length;
  if (missing <= 0) return a[0];
  if (missing > machine.limits().output_bytes / 4) return error("got a width of {}, want a smaller one", width);
  int64_t before = 0;
  if (align == Align::right) before = missing;
  if (align == Align::center) before = missing / 2 + (missing & width & 1);
  std::string out;
  for (int64_t i = 0; i < before; ++i) out += fill;
  out += self(a);
  for (int64_t i = before; i < missing; ++i) out += fill;
  return machine.new_text(std::move(out), markup(a));
}

Result<Value> zero_fill(Machine& machine, Bound& a) {
  TRY(const int64_t width, take_integer(a[1], "zfill"));
  const int64_t missing = width - a[0].as<TextObject>().length;
  if (missing <= 0) return a[0];
  if (missing > machine.limits().output_bytes / 4) return error("got a width of {}, want a smaller one", width);
  const size_t sign = self(a).starts_with('-') || self(a).starts_with('+') ? 1 : 0;
  return machine.new_text(self(a).substr(0, sign) + std::string(static_cast<size_t>(missing), '0') +
                          self(a).substr(sign));
}

Result<Value> expand_tabs(Machine& machine, Bound& a) {
  TRY(const int64_t width, take_integer(a.has(1) ? a[1] : make_integer(8), "expandtabs"));
  if (width > 1000) return error("expandtabs: got {}, want at most 1000", width);
  std::string out;
  int64_t column = 0;
  for (const std::string_view piece : split_code_points(self(a))) {
    if (piece == "\t") {
      const int64_t count = width > 0 ? width - column % width : 0;
      out.append(static_cast<size_t>(count), ' ');
      column += count;
    } else {
      out += piece;
      column = piece == "\n" || piece == "\r" ? 0 : column + 1;
    }
  }
  return machine.new_text(std::move(out));
}

Result<Value> format(Machine& machine, Bound& a) { return format_braces(machine, a[0], a); }

Result<Value> format_map(Machine& machine, Bound& a) {
  if (!a[1].is(Kind::dict)) return error("TypeError: format_map: got '{}', want a dict", type_name(a[1]));
  Bound inner;
  for (const auto& [key, value] : a[1].as<DictObject>().items)
    if (key.is(Kind::text)) inner.named.emplace_back(key.text(), value);
  return format_braces(machine, a[0], inner);
}

Result<Value> encode(Machine&, Bound&) { return error("SecurityError: bytes are refused: a template makes text"); }

constexpr Builtin kMethods[] = {
    {"upper", "self", map_case<to_upper>},
    {"lower", "self", map_case<to_lower>},
    {"capitalize", "self", map_case<to_capitalized>},
    {"title", "self", map_case<to_titled>},
    {"casefold", "self", map_case<to_casefold>},
    {"swapcase", "self", map_case<swap_case>},
    {"strip", "self chars?", strip_side<Side::both>},
    {"lstrip", "self chars?", strip_side<Side::left>},
    {"rstrip", "self chars?", strip_side<Side::right>},
    {"isspace", "self", all_are<is_space>},
    {"isalpha", "self", all_are<is_alpha>},
    {"isdecimal", "self", all_are<is_decimal>},
    {"isdigit", "self", all_are<is_digit>},
    {"isnumeric", "self", all_are<is_numeric>},
    {"isalnum", "self", all_are<is_alphanumeric>},
    {"isascii", "self", is_ascii_text},
    {"isprintable", "self", is_printable_text},
    {"isupper", "self", is_cased_as<is_upper, is_lower>},
    {"islower", "self", is_cased_as<is_lower, is_upper>},
    {"istitle", "self", is_titled},
    {"isidentifier", "self", is_identifier},
    {"ljust", "self width fillchar?", pad<Align::left>},
    {"rjust", "self width fillchar?", pad<Align::right>},
    {"center", "self width fillchar?", pad<Align::center>},
    {"zfill", "self width", zero_fill},
    {"expandtabs", "self tabsize?", expand_tabs},
    {"format", "self * **", format},
    {"format_map", "self mapping", format_map},
    {"encode", "self * **", encode},
};

}  // namespace

std::span<const Builtin> text_methods() { return kMethods; }

}  // namespace hearth::jinja
