// Code points, classes, stripping and quoting of text, as Python's str does them.
#include "text/jinja_text.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <array>
#include <charconv>
#include <cmath>

namespace hearth::jinja {
namespace {

struct CodeRange {
  int32_t first, last;
};

// Digits that are not decimal: superscripts, circled digits and their kin.
constexpr CodeRange kOtherDigits[] = {{0xb2, 0xb3},       {0xb9, 0xb9},       {0x1369, 0x1371},   {0x19da, 0x19da},
                                      {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
                                      {0x2474, 0x247c},   {0x2488, 0x2490},   {0x24ea, 0x24ea},   {0x24f5, 0x24fd},
                                      {0x24ff, 0x24ff},   {0x2776, 0x277e},   {0x2780, 0x2788},   {0x278a, 0x2792},
                                      {0x10a40, 0x10a43}, {0x10e60, 0x10e68}, {0x11052, 0x1105a}, {0x1f100, 0x1f10a}};

constexpr CodeRange kSpaces[] = {{9, 13},          {28, 32},         {0x85, 0x85},     {0xa0, 0xa0},
                                 {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
                                 {0x205f, 0x205f}, {0x3000, 0x3000}};

template <size_t N>
bool within(const CodeRange (&ranges)[N], int32_t code_point) {
  for (const CodeRange& range : ranges)
    if (code_point >= range.first && code_point <= range.last) return true;
  return false;
}

utf8proc_category_t category(int32_t code_point) { return utf8proc_category(code_point); }

bool is_line_end(int32_t c) {
  return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

// The start of the code point that ends at `end`.
size_t previous(std::string_view text, size_t end) {
  for (size_t back = 1; back <= 4 && back <= end; ++back) {
    size_t at = end - back;
    if ((static_cast<uint8_t>(text[at]) & 0xc0) == 0x80 && back < 4) continue;
    next_code_point(text, at);
    return at == end ? end - back : end - 1;
  }
  return end - 1;
}

template <class Keep>
std::string_view strip_while(std::string_view text, Side side, Keep strips) {
  size_t begin = 0, end = text.size();
  while (side != Side::right && begin < end) {
    size_t at = begin;
    const int32_t c = next_code_point(text, at);
    if (!strips(c, text.substr(begin, at - begin))) break;
    begin = at;
  }
  while (side != Side::left && begin < end) {
    const size_t start = previous(text.substr(0, end), end);
    size_t at = start;
    const int32_t c = next_code_point(text, at);
    if (!strips(c, text.substr(start, end - start))) break;
    end = start;
  }
  return text.substr(begin, end - begin);
}

}  // namespace

int32_t next_code_point(std::string_view text, size_t& at) {
  const uint8_t first = static_cast<uint8_t>(text[at]);
  if (first < 0x80) {
    ++at;
    return first;
  }
  utf8proc_int32_t code_point = -1;
  const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                     static_cast<utf8proc_ssize_t>(text.size() - at), &code_point);
  at += used > 0 ? static_cast<size_t>(used) : 1;
  return used > 0 ? code_point : 0xfffd;
}

void append_code_point(std::string& out, int32_t code_point) {
  if (code_point >= 0xd800 && code_point < 0xe000) code_point = 0xfffd;
  utf8proc_uint8_t bytes[4];
  const auto count = utf8proc_encode_char(code_point, bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count > 0 ? count : 0));
}

int64_t count_code_points(std::string_view text) {
  int64_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) next_code_point(text, at);
  return count;
}

std::vector<std::string_view> split_code_points(std::string_view text) {
  std::vector<std::string_view> out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    next_code_point(text, at);
    out.push_back(text.substr(start, at - start));
  }
  return out;
}

bool is_space(int32_t c) { return within(kSpaces, c); }
bool is_decimal(int32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_digit(int32_t c) { return is_decimal(c) || within(kOtherDigits, c); }
bool is_alpha(int32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}
bool is_numeric(int32_t c) {
  const auto kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO) || is_digit(c);
}
bool is_word(int32_t c) { return c == '_' || is_alpha(c) || is_numeric(c); }
bool is_title(int32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }
bool is_upper(int32_t c) { return !is_title(c) && utf8proc_isupper(c); }
bool is_lower(int32_t c) { return utf8proc_islower(c); }

bool is_printable(int32_t c) {
  if (c == ' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

std::string_view strip(std::string_view text, Side side) {
  return strip_while(text, side, [](int32_t c, std::string_view) { return is_space(c); });
}

std::string_view strip_of(std::string_view text, std::string_view characters, Side side) {
  const auto set = split_code_points(characters);
  return strip_while(text, side, [&](int32_t, std::string_view piece) {
    for (const auto& one : set)
      if (one == piece) return true;
    return false;
  });
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t before = at;
    if (!is_line_end(next_code_point(text, at))) continue;
    if (text[before] == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(start, (keep_ends ? at : before) - start));
    start = at;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

std::string quote(std::string_view text) {
  const bool doubled = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char mark = doubled ? '"' : '\'';
  std::string out(1, mark);
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const int32_t c = next_code_point(text, at);
    if (c == mark || c == '\\')
      out.append({'\\', static_cast<char>(c)});
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (is_printable(c))
      out.append(text, start, at - start);
    else if (c < 0x100)
      out += fmt::format("\\x{:02x}", c);
    else if (c < 0x10000)
      out += fmt::format("\\u{:04x}", c);
    else
      out += fmt::format("\\U{:08x}", c);
  }
  out += mark;
  return out;
}

std::string quote_json(std::string_view text, bool ascii_only) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const int32_t c = next_code_point(text, at);
    if (c == '"' || c == '\\')
      out.append({'\\', static_cast<char>(c)});
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\f')
      out += "\\f";
    else if (c == '\b')
      out += "\\b";
    else if (c < 0x20 || (ascii_only && c > 0x7e && c < 0x10000))
      out += fmt::format("\\u{:04x}", c);
    else if (ascii_only && c > 0xffff)
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
    else
      out.append(text, start, at - start);
  }
  out += '"';
  return out;
}

// 1e16 and up, and below 1e-4, have an exponent; all else is written out with at least one digit after the point.
std::string print_real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  const std::string text(buffer.data(), end);
  const size_t e = text.find('e');
  const int exponent = std::atoi(text.c_str() + e + 1);
  if (exponent < -4 || exponent >= 16) return text;
  const int decimals = std::max(0, static_cast<int>(e) - (text[0] == '-') - 2);  // digits after the point of d.ddd
  std::string fixed = fmt::format("{:.{}f}", value, std::max(0, decimals - exponent));
  if (fixed.find('.') == fixed.npos) fixed += ".0";
  return fixed;
}

std::optional<double> parse_real(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool between = i > 0 && i + 1 < text.size() && std::isdigit(static_cast<uint8_t>(text[i - 1])) &&
                         std::isdigit(static_cast<uint8_t>(text[i + 1]));
    if (text[i] != '_' || !between) digits += text[i];
  }
  if (digits.starts_with("+") && !digits.starts_with("+-")) digits.erase(0, 1);
  const bool is_named = digits.find_first_of("xX(") != digits.npos;  // from_chars takes "nan(...)"; Python does not
  double value = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (is_named || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  if (failed == std::errc()) return value;
  if (failed != std::errc::result_out_of_range) return std::nullopt;
  const size_t e = digits.find_first_of("eE");
  const bool is_tiny = e != digits.npos ? digits[e + 1] == '-' : digits.find_first_of("123456789.") > 0;
  return is_tiny ? 0.0 : digits[0] == '-' ? -HUGE_VAL : HUGE_VAL;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace hearth::jinja
