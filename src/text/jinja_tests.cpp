// Tests: `value is name`.
#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

template <Kind... kinds>
Result<Value> is_kind(Machine&, Bound& a) {
  return make_boolean(((a[0].kind == kinds) || ...));
}

Result<Value> is_defined(Machine&, Bound& a) { return make_boolean(!a[0].is(Kind::undefined)); }
Result<Value> is_true(Machine&, Bound& a) { return make_boolean(a[0].is(Kind::boolean) && a[0].flag); }
Result<Value> is_false(Machine&, Bound& a) { return make_boolean(a[0].is(Kind::boolean) && !a[0].flag); }

template <int comparison>
Result<Value> compares(Machine& machine, Bound& a) {
  TRY_DONE(machine.spend((weight_of(a[0]) + weight_of(a[1])) / 4));
  TRY(const bool holds, compare(machine, a[0], comparison, a[1]));
  return make_boolean(holds);
}

Result<Value> is_in(Machine& machine, Bound& a) {
  TRY(const bool found, contains(machine, a[1], a[0]));
  return make_boolean(found);
}

Result<Value> is_same_object(Machine&, Bound& a) { return make_boolean(is_same(a[0], a[1])); }

// value % divisor == rest
template <int rest>
Result<Value> leaves(Machine& machine, Bound& a) {
  const Value divisor = a.slots.size() > 1 ? a[1] : make_integer(2);
  if (a[0].is(Kind::text)) return error("TypeError: not all arguments converted during string formatting");
  TRY(const Value left, find_binary("%")->run(machine, a[0], divisor));
  return make_boolean(is_equal(left, make_integer(rest)));
}

bool all_cased(const std::string& text, bool (*wanted)(int32_t), bool (*refused)(int32_t)) {
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    const int32_t c = next_code_point(text, at);
    if (refused(c) || is_title(c)) return false;
    found |= wanted(c);
  }
  return found;
}

Result<Value> is_lower_text(Machine&, Bound& a) { return make_boolean(all_cased(print(a[0]), is_lower, is_upper)); }
Result<Value> is_upper_text(Machine&, Bound& a) { return make_boolean(all_cased(print(a[0]), is_upper, is_lower)); }

Result<Value> is_escaped(Machine&, Bound& a) {
  return make_boolean(a[0].is(Kind::text) && a[0].as<TextObject>().markup);
}

Result<Value> is_filter(Machine&, Bound& a) { return make_boolean(a[0].is(Kind::text) && find_filter(a[0].text())); }
Result<Value> is_test(Machine&, Bound& a) { return make_boolean(a[0].is(Kind::text) && find_test(a[0].text())); }

constexpr auto kEqual = static_cast<int>(Comparison::equal), kNotEqual = static_cast<int>(Comparison::not_equal),
               kLess = static_cast<int>(Comparison::less), kLessEqual = static_cast<int>(Comparison::less_equal),
               kGreater = static_cast<int>(Comparison::greater),
               kGreaterEqual = static_cast<int>(Comparison::greater_equal);

constexpr Builtin kTests[] = {
    {"defined", "value", is_defined},
    {"undefined", "value", is_kind<Kind::undefined>},
    {"none", "value", is_kind<Kind::none>},
    {"boolean", "value", is_kind<Kind::boolean>},
    {"true", "value", is_true},
    {"false", "value", is_false},
    {"integer", "value", is_kind<Kind::integer>},
    {"float", "value", is_kind<Kind::real>},
    {"number", "value", is_kind<Kind::boolean, Kind::integer, Kind::real>},
    {"string", "value", is_kind<Kind::text>},
    {"mapping", "value", is_kind<Kind::dict>},
    {"sequence", "value", is_kind<Kind::undefined, Kind::text, Kind::list, Kind::tuple, Kind::dict, Kind::range>},
    {"iterable", "value",
     is_kind<Kind::undefined, Kind::text, Kind::list, Kind::tuple, Kind::dict, Kind::range, Kind::view, Kind::generator,
             Kind::loop>},
    {"callable", "value", is_kind<Kind::undefined, Kind::function, Kind::loop>},
    {"odd", "value", leaves<1>},
    {"even", "value", leaves<0>},
    {"divisibleby", "value num", leaves<0>},
    {"lower", "value", is_lower_text},
    {"upper", "value", is_upper_text},
    {"in", "value seq", is_in},
    {"sameas", "value other", is_same_object},
    {"escaped", "value", is_escaped},
    {"filter", "value", is_filter},
    {"test", "value", is_test},
    {"==", "a b", compares<kEqual>},
    {"eq", "a b", compares<kEqual>},
    {"equalto", "a b", compares<kEqual>},
    {"!=", "a b", compares<kNotEqual>},
    {"ne", "a b", compares<kNotEqual>},
    {"<", "a b", compares<kLess>},
    {"lt", "a b", compares<kLess>},
    {"lessthan", "a b", compares<kLess>},
    {"<=", "a b", compares<kLessEqual>},
    {"le", "a b", compares<kLessEqual>},
    {">", "a b", compares<kGreater>},
    {"gt", "a b", compares<kGreater>},
    {"greaterthan", "a b", compares<kGreater>},
    {">=", "a b", compares<kGreaterEqual>},
    {"ge", "a b", compares<kGreaterEqual>},
};

}  // namespace

std::span<const Builtin> value_tests() { return kTests; }

}  // namespace hearth::jinja
