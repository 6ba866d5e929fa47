// Arithmetic, comparison and membership, as Python has them.
#include <algorithm>
#include <cmath>

#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

Error bad_operands(std::string_view symbol, const Value& a, const Value& b) {
  if (a.is(Kind::undefined)) return undefined_error(a);
  if (b.is(Kind::undefined)) return undefined_error(b);
  return error("TypeError: unsupported operand type(s) for {}: '{}' and '{}'", symbol, type_name(a), type_name(b));
}

bool both_integers(const Value& a, const Value& b) {
  return is_number(a) && is_number(b) && !a.is(Kind::real) && !b.is(Kind::real);
}
bool both_numbers(const Value& a, const Value& b) { return is_number(a) && is_number(b); }
bool is_sequence(const Value& value) { return value.is(Kind::list) || value.is(Kind::tuple); }

Error too_large() { return error("OverflowError: got an integer of over 64 bits"); }

int64_t floor_divide(int64_t a, int64_t b) { return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0); }

double floor_remainder(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double floor_quotient(double a, double b) {
  const double quotient = (a - floor_remainder(a, b)) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double low = std::floor(quotient);
  return quotient - low > 0.5 ? low + 1 : low;
}

// Adding to escaped text escapes what is added.
Result<Value> add_texts(Machine& machine, const TextObject& a, const TextObject& b) {
  if (a.markup == b.markup) return machine.new_text(a.text + b.text, a.markup);
  return machine.new_text(a.markup ? a.text + escape_html(b.text) : escape_html(a.text) + b.text, true);
}

Result<Value> subtract(Machine&, const Value& a, const Value& b) {
  int64_t result = 0;
  if (!both_numbers(a, b)) return bad_operands("-", a, b);
  if (!both_integers(a, b)) return make_real(as_real(a) - as_real(b));
  if (__builtin_sub_overflow(as_integer(a), as_integer(b), &result)) return too_large();
  return make_integer(result);
}

Result<Value> repeat(Machine& machine, const Value& value, int64_t times) {
  times = std::max<int64_t>(times, 0);
  TRY(const int64_t size, length_of(value));
  if (size > 0 && times > 100'000'000 / size) return error("OverflowError: got a sequence repeated {} times", times);
  if (value.is(Kind::text)) {
    const int64_t bytes = static_cast<int64_t>(value.text().size());
    if (bytes * times > machine.limits().output_bytes)
      return error("got a text of {} bytes, want at most {}", bytes * times, machine.limits().output_bytes);
    std::string out;
    for (int64_t i = 0; i < times && bytes > 0; ++i) out += value.text();
    return machine.new_text(std::move(out), value.as<TextObject>().markup);
  }
  TRY_DONE(machine.spend(size * times / 4));
  std::vector<Value> items;
  for (int64_t i = 0; i < times && size > 0; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
  return machine.new_list(std::move(items), value.kind);
}

bool repeats(const Value& value, const Value& times) {
  return (value.is(Kind::text) || is_sequence(value)) && (times.is(Kind::integer) || times.is(Kind::boolean));
}

Result<Value> multiply(Machine& machine, const Value& a, const Value& b) {
  int64_t result = 0;
  if (repeats(a, b)) return repeat(machine, a, as_integer(b));
  if (repeats(b, a)) return repeat(machine, b, as_integer(a));
  if (!both_numbers(a, b)) return bad_operands("*", a, b);
  if (!both_integers(a, b)) return make_real(as_real(a) * as_real(b));
  if (__builtin_mul_overflow(as_integer(a), as_integer(b), &result)) return too_large();
  return make_integer(result);
}

Result<Value> divide(Machine&, const Value& a, const Value& b) {
  if (!both_numbers(a, b)) return bad_operands("/", a, b);
  if (as_real(b) == 0) return error("ZeroDivisionError: division by zero");
  return make_real(as_real(a) / as_real(b));
}

Result<Value> floor_division(Machine&, const Value& a, const Value& b) {
  if (!both_numbers(a, b)) return bad_operands("//", a, b);
  if (as_real(b) == 0) return error("ZeroDivisionError: integer division or modulo by zero");
  if (!both_integers(a, b)) return make_real(floor_quotient(as_real(a), as_real(b)));
  if (as_integer(a) == INT64_MIN && as_integer(b) == -1) return too_large();
  return make_integer(floor_divide(as_integer(a), as_integer(b)));
}

Result<Value> remainder(Machine& machine, const Value& a, const Value& b) {
  if (a.is(Kind::text)) return format_percent(machine, a, b);
  if (!both_numbers(a, b)) return bad_operands("%", a, b);
  if (as_real(b) == 0) return error("ZeroDivisionError: integer modulo by zero");
  if (!both_integers(a, b)) return make_real(floor_remainder(as_real(a), as_real(b)));
  const int64_t divisor = as_integer(b);
  if (divisor == -1) return make_integer(0);
  return make_integer(as_integer(a) - divisor * floor_divide(as_integer(a), divisor));
}

Result<Value> power(Machine&, const Value& a, const Value& b) {
  if (!both_numbers(a, b)) return bad_operands("**", a, b);
  if (as_real(a) == 0 && as_real(b) < 0) return error("ZeroDivisionError: 0.0 cannot be raised to a negative power");
  if (!both_integers(a, b) || as_integer(b) < 0) {
    const double result = std::pow(as_real(a), as_real(b));
    if (std::isnan(result) && !std::isnan(as_real(a)) && !std::isnan(as_real(b)))
      return error("ValueError: got a negative number raised to a fraction, want a real result");
    if (std::isinf(result) && std::isfinite(as_real(a)) && std::isfinite(as_real(b)))
      return error("OverflowError: numerical result out of range");
    return make_real(result);
  }
  int64_t base = as_integer(a), result = 1;
  for (int64_t exponent = as_integer(b); exponent > 0; exponent >>= 1) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return too_large();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return too_large();
  }
  return make_integer(result);
}

Result<Value> negate(Machine&, const Value& a, const Value&) {
  if (a.is(Kind::real)) return make_real(-a.real);
  if (!is_number(a)) {
    if (a.is(Kind::undefined)) return undefined_error(a);
    return error("TypeError: bad operand type for unary -: '{}'", type_name(a));
  }
  if (as_integer(a) == INT64_MIN) return too_large();
  return make_integer(-as_integer(a));
}

Result<Value> keep_sign(Machine&, const Value& a, const Value&) {
  if (a.is(Kind::real)) return a;
  if (is_number(a)) return make_integer(as_integer(a));
  if (a.is(Kind::undefined)) return undefined_error(a);
  return error("TypeError: bad operand type for unary +: '{}'", type_name(a));
}

constexpr Operator kBinary[] = {{"+", add},    {"-", subtract},        {"*", multiply},
                                {"/", divide}, {"//", floor_division}, {"%", remainder},
                                {"**", power}};
constexpr Operator kUnary[] = {{"-", negate}, {"+", keep_sign}};

template <size_t N>
const Operator* find_in(const Operator (&table)[N], std::string_view symbol) {
  for (const Operator& one : table)
    if (one.symbol == symbol) return &one;
  return nullptr;
}

// a < b, or a <= b with `or_equal`; not a number is neither.
Result<bool> in_order(const Value& a, const Value& b, bool or_equal) {
  if (or_equal && !a.is(Kind::undefined) && is_equal(a, b) && (is_number(a) || a.is(Kind::text) || is_sequence(a)))
    return true;
  return is_less(a, b);
}

}  // namespace

const Operator* find_binary(std::string_view symbol) { return find_in(kBinary, symbol); }
const Operator* find_unary(std::string_view symbol) { return find_in(kUnary, symbol); }

Result<Value> add(Machine& machine, const Value& a, const Value& b) {
  int64_t result = 0;
  if (a.is(Kind::text) && b.is(Kind::text)) return add_texts(machine, a.as<TextObject>(), b.as<TextObject>());
  if (is_sequence(a) && a.kind == b.kind) {
    TRY_DONE(machine.spend(static_cast<int64_t>(a.items().size() + b.items().size()) / 4));
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return machine.new_list(std::move(items), a.kind);
  }
  if (!both_numbers(a, b)) {
    if (a.is(Kind::text) && !b.is(Kind::undefined))
      return error("TypeError: can only concatenate str (not \"{}\") to str", type_name(b));
    return bad_operands("+", a, b);
  }
  if (!both_integers(a, b)) return make_real(as_real(a) + as_real(b));
  if (__builtin_add_overflow(as_integer(a), as_integer(b), &result)) return too_large();
  return make_integer(result);
}

Result<bool> compare(Machine& machine, const Value& a, int comparison, const Value& b) {
  switch (static_cast<Comparison>(comparison)) {
    case Comparison::equal:
      return is_equal(a, b);
    case Comparison::not_equal:
      return !is_equal(a, b);
    case Comparison::less:
      return in_order(a, b, false);
    case Comparison::less_equal:
      return in_order(a, b, true);
    case Comparison::greater:
      return in_order(b, a, false);
    case Comparison::greater_equal:
      return in_order(b, a, true);
    case Comparison::in:
      return contains(machine, b, a);
    case Comparison::not_in: {
      TRY(const bool found, contains(machine, b, a));
      return !found;
    }
  }
  return false;
}

Result<bool> contains(Machine& machine, const Value& container, const Value& item) {
  if (container.is(Kind::text)) {
    if (!item.is(Kind::text))
      return error("TypeError: 'in <string>' requires string as left operand, not {}", type_name(item));
    return container.text().find(item.text()) != std::string::npos;
  }
  if (container.is(Kind::dict)) {
    if (!is_hashable(item)) return error("TypeError: unhashable type: '{}'", type_name(item));
    return container.as<DictObject>().find(item) != nullptr;
  }
  if (container.is(Kind::none) || is_number(container) || container.is(Kind::function) || container.is(Kind::space))
    return error("TypeError: argument of type '{}' is not iterable", type_name(container));
  TRY(const std::vector<Value> items, elements_of(machine, container));
  for (const Value& one : items)
    if (is_equal(one, item)) return true;
  return false;
}

}  // namespace hearth::jinja
