// Global functions: range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
#include "text/jinja_machine.h"

namespace hearth::jinja {
namespace {

Result<Value> range(Machine&, Bound& a) {
  constexpr int64_t kMost = 100'000;  // as Jinja's sandbox
  TRY(int64_t start, take_integer(a[0], "range"));
  int64_t stop = start, step = 1;
  if (a.has(1)) {
    TRY(stop, take_integer(a[1], "range"));
  } else {
    start = 0;
  }
  if (a.has(2)) {
    TRY(step, take_integer(a[2], "range"));
  }
  if (step == 0) return error("ValueError: range() arg 3 must not be zero");
  Value value = make_range(start, stop, step);
  const int64_t size = value.as<RangeObject>().size();
  if (size < 0 || size > kMost)
    return error("OverflowError: Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", kMost);
  return value;
}

// The fields of dict(...) and namespace(...): a dict or pairs, then keywords.
Result<Done> fill(Machine& machine, DictObject& fields, const Bound& a) {
  if (a.has(0) && a[0].is(Kind::dict)) {
    TRY_DONE(machine.spend(weight_of(a[0])));
    for (const auto& [key, value] : a[0].as<DictObject>().items) fields.set(key, value);
  } else if (a.has(0)) {
    TRY(const std::vector<Value> pairs, elements_of(machine, a[0]));
    for (const Value& pair : pairs) {
      TRY(const std::vector<Value> parts, elements_of(machine, pair));
      if (parts.size() != 2) return error("ValueError: got {} parts, want pairs of a key and a value", parts.size());
      if (!is_hashable(parts[0])) return error("TypeError: unhashable type: '{}'", type_name(parts[0]));
      fields.set(parts[0], parts[1]);
    }
  }
  for (const auto& [name, value] : a.named) fields.set(make_text(name), value);
  return Done{};
}

Result<Value> make_dict_value(Machine& machine, Bound& a) {
  auto dict = std::make_shared<DictObject>();
  TRY_DONE(fill(machine, *dict, a));
  return machine.new_dict(std::move(dict));
}

Result<Value> make_namespace(Machine& machine, Bound& a) {
  auto space = std::make_shared<SpaceObject>();
  Value value;
  value.kind = Kind::space;
  value.object = space;
  TRY_DONE(fill(machine, space->fields, a));
  return machine.adopt(std::move(value));
}

Result<Value> make_cycler(Machine&, Bound& a) {
  if (a.rest.empty()) return error("RuntimeError: at least one item has to be provided");
  auto cycler = std::make_shared<CyclerObject>();
  cycler->items = std::move(a.rest);
  Value value;
  value.kind = Kind::cycler;
  value.object = std::move(cycler);
  return value;
}

// Nothing at its first call, the separator at all others.
Result<Value> make_joiner(Machine&, Bound& a) {
  const Value separator = a.has(0) ? a[0] : make_text(", ");
  return make_function("joiner", [separator, used = false](Machine&, Arguments) mutable -> Result<Value> {
    return std::exchange(used, true) ? separator : make_text("");
  });
}

Result<Value> raise_exception(Machine& machine, Bound& a) { return machine.raise(print(a[0])); }

Result<Value> strftime_now(Machine& machine, Bound& a) {
  TRY(const std::string_view pattern, take_text(a[0], "strftime_now: format"));
  TRY(std::string text, format_time(pattern, machine.now()));
  return machine.new_text(std::move(text));
}

Result<Value> lipsum(Machine&, Bound&) {
  return error("SecurityError: lipsum is refused: a template must give the same text each time");
}

constexpr Builtin kGlobals[] = {
    {"range", "start stop? step?", range},
    {"dict", "mapping? **", make_dict_value},
    {"namespace", "mapping? **", make_namespace},
    {"cycler", "*", make_cycler},
    {"joiner", "sep?", make_joiner},
    {"raise_exception", "message", raise_exception},
    {"strftime_now", "format", strftime_now},
    {"lipsum", "* **", lipsum},
};

}  // namespace

std::span<const Builtin> global_functions() { return kGlobals; }

}  // namespace hearth::jinja
