// Formatting: "%s and %d" % (...) and "{} and {:>8}".format(...), as Python does them.
#include <algorithm>
#include <cmath>

#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

constexpr int64_t kMaxWidth = 100'000, kMaxPrecision = 1000;

// How one value is laid out: the fields of Python's format specification.
struct Spec {
  std::string fill = " ";
  char align = 0;          // < > ^ =
  char sign = '-';         // - + or space
  bool alternate = false;  // #
  int64_t width = 0;
  char group = 0;  // , or _
  int64_t precision = -1;
  char type = 0;
};

std::string pad(const Spec& spec, char align, std::string_view head, std::string_view body) {
  const int64_t missing = spec.width - count_code_points(head) - count_code_points(body);
  std::string before, after, inside;
  const int64_t left = align == '^' ? missing / 2 : align == '<' ? 0 : missing;
  for (int64_t i = 0; i < left; ++i) (align == '=' ? inside : before) += spec.fill;
  for (int64_t i = std::max<int64_t>(left, 0); i < missing; ++i) after += spec.fill;
  return before + std::string(head) + inside + std::string(body) + after;
}

std::string group_digits(std::string_view digits, char mark, size_t size) {
  std::string out;
  const size_t whole = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && i < whole && (whole - i) % size == 0) out += mark;
    out += digits[i];
  }
  return out;
}

// Sign and digits, grouped and padded; zeros fill between sign and digits.
std::string lay_out(const Spec& spec, bool negative, std::string_view prefix, std::string digits) {
  const bool decimal = std::string_view("boxX").find(spec.type) == std::string_view::npos || spec.type == 0;
  const size_t size = decimal ? 3 : 4;
  std::string head = negative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
  head += prefix;
  if (spec.group) {
    if (spec.align == '=' && spec.fill == "0") {
      const auto length = [&] {
        return static_cast<int64_t>(head.size() + group_digits(digits, spec.group, size).size());
      };
      while (length() < spec.width) digits.insert(0, 1, '0');
    }
    digits = group_digits(digits, spec.group, size);
  }
  return pad(spec, spec.align ? spec.align : '>', head, digits);
}

std::string strip_zeros(std::string digits) {
  if (digits.find('.') == digits.npos) return digits;
  const size_t e = std::min(digits.find_first_of("eE"), digits.size());
  size_t end = digits.find_last_not_of('0', e - 1) + 1;
  if (digits[end - 1] == '.') --end;
  return digits.substr(0, end) + digits.substr(e);
}

std::string real_digits(const Spec& spec, double value) {
  const auto precision = static_cast<int>(spec.precision < 0 ? 6 : spec.precision);
  const char type = static_cast<char>(std::tolower(spec.type));
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : "inf";
  if (type == 'f' || type == '%') {
    std::string digits = fmt::format("{:.{}f}", value, precision);
    if (spec.alternate && precision == 0) digits += '.';
    return type == '%' ? digits + '%' : digits;
  }
  if (type == 'e') return fmt::format("{:.{}e}", value, precision);
  if (type == 0 && spec.precision < 0) return print_real(value);
  const int most = std::max(precision, 1);
  const std::string scientific = fmt::format("{:.{}e}", value, most - 1);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  // Without a type, a number that would end in ".0" keeps it, so one digit less stays before an exponent.
  const bool has_exponent = exponent < -4 || exponent >= (type == 0 ? most - 1 + (most == 1) : most);
  std::string digits = has_exponent ? scientific : fmt::format("{:.{}f}", value, std::max(most - 1 - exponent, 0));
  if (!spec.alternate) digits = strip_zeros(digits);
  if (type == 0 && digits.find_first_of(".e") == digits.npos) digits += ".0";
  return digits;
}

std::string format_real(Spec spec, double value) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  if (spec.type == '%') value *= 100;
  std::string digits = real_digits(spec, std::fabs(value));
  if (spec.type == 'E' || spec.type == 'F' || spec.type == 'G') digits = to_upper(digits);
  return lay_out(spec, negative, "", std::move(digits));
}

std::string in_base(uint64_t value, unsigned base) {
  std::string digits;
  do digits.insert(0, 1, "0123456789abcdef"[value % base]);
  while ((value /= base) > 0);
  return digits;
}

std::string format_integer(const Spec& spec, int64_t value) {
  const bool negative = value < 0;
  const uint64_t size = negative ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const char type = static_cast<char>(std::tolower(spec.type));
  const unsigned base = type == 'x' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
  std::string digits = in_base(size, base);
  std::string prefix = spec.alternate && base != 10 ? std::string("0") + type : "";
  if (spec.type == 'X') digits = to_upper(digits), prefix = to_upper(prefix);
  return lay_out(spec, negative, prefix, std::move(digits));
}

std::string format_text(const Spec& spec, std::string_view text) {
  std::string cut;
  if (spec.precision >= 0) {
    const auto pieces = split_code_points(text);
    for (int64_t i = 0; i < spec.precision && i < static_cast<int64_t>(pieces.size()); ++i)
      cut += pieces[static_cast<size_t>(i)];
    text = cut;
  }
  return pad(spec, spec.align ? spec.align : '<', "", text);
}

bool take_number(std::string_view text, size_t& at, int64_t& number) {
  const size_t begin = at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && at - begin < 9; ++at)
    number = (at == begin ? 0 : number) * 10 + (text[at] - '0');
  return at > begin;
}

Result<Spec> read_spec(std::string_view text) {
  Spec spec;
  size_t at = 0;
  constexpr std::string_view kAligns = "<>^=", kSigns = "+- ";
  const auto is_one_of = [&](std::string_view set, size_t place) {
    return place < text.size() && set.find(text[place]) != set.npos;
  };
  size_t after = 0;
  if (!text.empty()) next_code_point(text, after);
  if (is_one_of(kAligns, after)) {
    spec.fill = text.substr(0, after);
    spec.align = text[after];
    at = after + 1;
  } else if (is_one_of(kAligns, 0)) {
    spec.align = text[at++];
  }
  if (is_one_of(kSigns, at)) spec.sign = text[at++];
  if (is_one_of("z", at)) ++at;
  if (is_one_of("#", at)) spec.alternate = true, ++at;
  if (is_one_of("0", at)) {
    ++at;
    if (!spec.align) spec.fill = "0", spec.align = '=';
  }
  take_number(text, at, spec.width);
  if (is_one_of(",_", at)) spec.group = text[at++];
  if (is_one_of(".", at) && !take_number(text, ++at, spec.precision))
    return error("ValueError: Format specifier missing precision");
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size() || spec.width > kMaxWidth || spec.precision > kMaxPrecision)
    return error("ValueError: Invalid format specifier {}", quote(text));
  return spec;
}

Error unknown_code(char code, const Value& value) {
  return error("ValueError: Unknown format code '{}' for object of type '{}'", code, type_name(value));
}

// format(value, spec)
Result<std::string> format_value(const Value& value, std::string_view text) {
  if (text.empty()) return print(value);
  TRY(Spec spec, read_spec(text));
  if (value.is(Kind::text)) {
    if (spec.type != 0 && spec.type != 's') return unknown_code(spec.type, value);
    if (spec.align == '=' && spec.fill == "0") spec.align = '<';
    if (spec.align == '=') return error("ValueError: '=' alignment not allowed in string format specifier");
    return format_text(spec, value.text());
  }
  if (!is_number(value)) return error("TypeError: unsupported format string passed to {}.__format__", type_name(value));
  const bool is_real = value.is(Kind::real);
  if (spec.type == 'n') spec.type = is_real ? 'g' : 'd';
  if (!is_real && spec.type == 'c') {
    std::string character;
    append_code_point(character, static_cast<int32_t>(std::clamp<int64_t>(value.integer, 0, 0x10ffff)));
    return format_text(spec, character);
  }
  const std::string_view kInteger = "dboxX", kReal = "eEfFgG%";
  const bool as_int = !is_real && (spec.type == 0 || kInteger.find(spec.type) != kInteger.npos);
  if (as_int && spec.precision >= 0) return error("ValueError: Precision not allowed in integer format specifier");
  if (as_int) return format_integer(spec, as_integer(value));
  if (spec.type != 0 && kReal.find(spec.type) == kReal.npos) return unknown_code(spec.type, value);
  return format_real(spec, as_real(value));
}

// The `{...}` fields of str.format.
class Braces {
 public:
  Braces(Machine& machine, const Bound& arguments) : machine_(machine), arguments_(arguments) {}

  Result<std::string> run(std::string_view pattern, int level) {
    std::string out;
    for (size_t at = 0; at < pattern.size();) {
      const char c = pattern[at];
      const bool doubled = at + 1 < pattern.size() && pattern[at + 1] == c;
      if ((c != '{' && c != '}') || (doubled && level == 0)) {
        out += c;
        at += c == '{' || c == '}' ? 2 : 1;
        continue;
      }
      if (c == '}') return error("ValueError: Single '}}' encountered in format string");
      const size_t end = closing(pattern, at);
      if (end == pattern.npos) return error("ValueError: expected '}}' before end of string");
      TRY(const std::string text, field(pattern.substr(at + 1, end - at - 1), level));
      if (static_cast<int64_t>(out.size() + text.size()) > machine_.limits().output_bytes)
        return error("got a format of over {} bytes", machine_.limits().output_bytes);
      TRY_DONE(machine_.spend(1 + static_cast<int64_t>(text.size() / 128)));
      out += text;
      at = end + 1;
    }
    return out;
  }

 private:
  static size_t closing(std::string_view pattern, size_t at) {
    int depth = 0;
    for (; at < pattern.size(); ++at) {
      depth += pattern[at] == '{' ? 1 : pattern[at] == '}' ? -1 : 0;
      if (depth == 0) return at;
    }
    return pattern.npos;
  }

  // name[!conversion][:spec]; the spec may hold fields of its own, one level deep.
  Result<std::string> field(std::string_view text, int level) {
    if (level > 1) return error("ValueError: Max string recursion exceeded");
    size_t colon = text.size();
    int brackets = 0;
    for (size_t i = 0; i < text.size() && colon == text.size(); ++i) {
      brackets += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
      if (brackets <= 0 && text[i] == ':') colon = i;
    }
    std::string_view name = text.substr(0, colon);
    const size_t mark = name.rfind('!');
    const std::string_view conversion = mark == name.npos ? std::string_view() : name.substr(mark + 1);
    TRY(Value value, lookup(name.substr(0, mark)));
    TRY(const std::string spec, run(colon < text.size() ? text.substr(colon + 1) : std::string_view(), level + 1));
    TRY_DONE(machine_.spend(weight_of(value)));
    if (conversion == "s")
      value = make_text(print(value));
    else if (conversion == "r" || conversion == "a")
      value = make_text(represent(value));
    else if (mark != name.npos)
      return error("ValueError: Unknown conversion specifier '{}'", conversion);
    return format_value(value, spec);
  }

  // "", "0" or "name", then .attribute and [item] steps.
  Result<Value> lookup(std::string_view path) {
    const size_t end = std::min(path.find_first_of(".["), path.size());
    TRY(Value value, argument(path.substr(0, end)));
    for (size_t at = end; at < path.size();) {
      const bool item = path[at] == '[';
      const size_t stop = item ? path.find(']', at) : std::min(path.find_first_of(".[", at + 1), path.size());
      if (stop == path.npos) return error("ValueError: Missing ']' in format string");
      const std::string_view step = path.substr(at + 1, stop - at - 1);
      int64_t index = 0;
      size_t digits = 0;
      const bool is_index = take_number(step, digits, index) && digits == step.size();
      if (item) {
        TRY(value, get_item(machine_, value, is_index ? make_integer(index) : make_text(std::string(step))));
      } else {
        TRY(value, get_attribute(machine_, value, step));
      }
      if (value.is(Kind::undefined)) return undefined_error(value);
      at = stop + (item ? 1 : 0);
    }
    return value;
  }

  Result<Value> argument(std::string_view name) {
    int64_t index = next_;
    size_t digits = 0;
    if (name.empty()) ++next_;
    if (name.empty() || (take_number(name, digits, index) && digits == name.size())) {
      if (index < static_cast<int64_t>(arguments_.rest.size())) return arguments_.rest[static_cast<size_t>(index)];
      return error("IndexError: Replacement index {} out of range for positional args tuple", index);
    }
    for (const auto& [key, value] : arguments_.named)
      if (key == name) return value;
    return error("KeyError: '{}'", name);
  }

  Machine& machine_;
  const Bound& arguments_;
  int64_t next_ = 0;
};

// The conversions of text % arguments.
class Percent {
 public:
  Percent(Machine& machine, const Value& arguments) : machine_(machine), arguments_(arguments) {
    if (arguments.is(Kind::tuple))
      list_ = arguments.items();
    else
      list_ = {arguments};
  }

  Result<std::string> run(std::string_view pattern) {
    std::string out;
    for (size_t at = 0; at < pattern.size();) {
      if (pattern[at] != '%') {
        out += pattern[at++];
        continue;
      }
      ++at;
      TRY(const std::string text, conversion(pattern, at));
      TRY_DONE(machine_.spend(1 + static_cast<int64_t>(text.size() / 128)));
      if (static_cast<int64_t>(out.size() + text.size()) > machine_.limits().output_bytes)
        return error("got a format of over {} bytes", machine_.limits().output_bytes);
      out += text;
    }
    if (!named_ && !arguments_.is(Kind::dict) && used_ < list_.size())
      return error("TypeError: not all arguments converted during string formatting");
    return out;
  }

 private:
  Result<Value> take() {
    if (named_) return *std::exchange(named_, std::nullopt);
    if (used_ >= list_.size()) return error("TypeError: not enough arguments for format string");
    return list_[used_++];
  }

  Result<int64_t> take_size(std::string_view pattern, size_t& at, int64_t standard) {
    int64_t size = standard;
    if (at < pattern.size() && pattern[at] == '*') {
      ++at;
      TRY(const Value value, take());
      TRY(size, take_integer(value, "* in a format"));
    } else {
      take_number(pattern, at, size);
    }
    if (size > kMaxWidth) return error("ValueError: got a width of {} in a format", size);
    return size;
  }

  Result<std::string> conversion(std::string_view pattern, size_t& at) {
    Spec spec;
    bool has_name = false;
    if (at < pattern.size() && pattern[at] == '(') {
      const size_t end = pattern.find(')', at);
      if (end == pattern.npos) return error("ValueError: incomplete format key");
      if (!arguments_.is(Kind::dict)) return error("TypeError: format requires a mapping");
      TRY(Value value, get_item(machine_, arguments_, make_text(std::string(pattern.substr(at + 1, end - at - 1)))));
      if (value.is(Kind::undefined)) return error("KeyError: {}", quote(pattern.substr(at + 1, end - at - 1)));
      named_ = std::move(value);
      has_name = true;
      at = end + 1;
    }
    for (; at < pattern.size() && std::string_view("-+ #0").find(pattern[at]) != std::string_view::npos; ++at) {
      if (pattern[at] == '-')
        spec.align = '<', spec.fill = " ";
      else if (pattern[at] == '#')
        spec.alternate = true;
      else if (pattern[at] != '0')
        spec.sign = spec.sign == '+' ? '+' : pattern[at];
      else if (!spec.align)
        spec.align = '=', spec.fill = "0";
    }
    TRY(spec.width, take_size(pattern, at, 0));
    if (spec.width < 0) spec.align = '<', spec.fill = " ", spec.width = -spec.width;
    if (at < pattern.size() && pattern[at] == '.') {
      TRY(spec.precision, take_size(pattern, ++at, 0));
      spec.precision = std::clamp<int64_t>(spec.precision, 0, kMaxPrecision);
    }
    while (at < pattern.size() && std::string_view("hlL").find(pattern[at]) != std::string_view::npos) ++at;
    if (at >= pattern.size()) return error("ValueError: incomplete format");
    spec.type = pattern[at++];
    if (spec.type == '%' && !has_name) return std::string("%");
    TRY(const Value value, take());
    return convert(spec, value);
  }

  Result<std::string> convert(Spec spec, const Value& value) {
    TRY_DONE(machine_.spend(weight_of(value)));
    if (!spec.align) spec.align = '>';
    if (std::string_view("sra").find(spec.type) != std::string_view::npos) {
      if (spec.align == '=') spec.align = '>', spec.fill = " ";
      return format_text(spec, spec.type == 's' ? print(value) : represent(value));
    }
    if (spec.type == 'c' && value.is(Kind::text) && value.as<TextObject>().length == 1)
      return format_text(spec, value.text());
    if (std::string_view("diuoxXceEfFgG").find(spec.type) == std::string_view::npos)
      return error("ValueError: unsupported format character '{}'", spec.type);
    if (!is_number(value))
      return error("TypeError: %{} format: a real number is required, not {}", spec.type, type_name(value));
    if (std::string_view("eEfFgG").find(spec.type) != std::string_view::npos) return format_real(spec, as_real(value));
    if (value.is(Kind::real) && !(std::fabs(value.real) < 9.2e18))
      return error("OverflowError: got an integer of over 64 bits");
    const int64_t number = value.is(Kind::real) ? static_cast<int64_t>(value.real) : as_integer(value);
    if (spec.type == 'c') return format_value(make_integer(number), "c");
    if (std::string_view("diu").find(spec.type) != std::string_view::npos) spec.type = 'd';
    if (spec.precision < 0) return format_integer(spec, number);
    Spec bare = spec;
    bare.width = spec.precision + (number < 0 || spec.sign != '-');
    bare.align = '=';
    bare.fill = "0";
    return pad(spec, spec.align == '=' ? '>' : spec.align, "", format_integer(bare, number));
  }

  Machine& machine_;
  const Value& arguments_;
  std::vector<Value> list_;
  size_t used_ = 0;
  std::optional<Value> named_;  // the value that (name) found
};

}  // namespace

Result<Value> format_percent(Machine& machine, const Value& pattern, const Value& arguments) {
  TRY(std::string text, Percent(machine, arguments).run(pattern.text()));
  return machine.new_text(std::move(text), pattern.as<TextObject>().markup);
}

Result<Value> format_braces(Machine& machine, const Value& pattern, const Bound& arguments) {
  TRY(std::string text, Braces(machine, arguments).run(pattern.text(), 0));
  return machine.new_text(std::move(text), pattern.as<TextObject>().markup);
}

}  // namespace hearth::jinja
