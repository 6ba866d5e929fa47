// Methods of dict, list, tuple, numbers, loop and cycler; those that would change a list or dict are refused elsewhere.
#include <algorithm>
#include <cmath>

#include "text/jinja_machine.h"

namespace hearth::jinja {
namespace {

const DictObject& dict(const Bound& a) { return a[0].as<DictObject>(); }

Result<Value> get(Machine&, Bound& a) {
  if (!is_hashable(a[1])) return error("TypeError: unhashable type: '{}'", type_name(a[1]));
  const Value* found = dict(a).find(a[1]);
  return found ? *found : a[2];
}

Result<Value> keys(Machine& machine, Bound& a) {
  std::vector<Value> out;
  for (const auto& item : dict(a).items) out.push_back(item.first);
  return machine.new_list(std::move(out), Kind::view, "dict_keys");
}

Result<Value> values(Machine& machine, Bound& a) {
  std::vector<Value> out;
  for (const auto& item : dict(a).items) out.push_back(item.second);
  return machine.new_list(std::move(out), Kind::view, "dict_values");
}

Result<Value> items(Machine& machine, Bound& a) {
  std::vector<Value> out;
  for (const auto& [key, value] : dict(a).items) {
    TRY(Value pair, machine.new_list({key, value}, Kind::tuple));
    out.push_back(std::move(pair));
  }
  return machine.new_list(std::move(out), Kind::view, "dict_items");
}

Result<Value> copy(Machine&, Bound& a) { return a[0]; }  // a value does not change: itself is as good

Result<Value> count(Machine& machine, Bound& a) {
  TRY_DONE(machine.spend(weight_of(a[0])));
  int64_t found = 0;
  for (const Value& item : a[0].items()) found += is_equal(item, a[1]);
  return make_integer(found);
}

Result<Value> index(Machine& machine, Bound& a) {
  TRY_DONE(machine.spend(weight_of(a[0])));
  const auto size = static_cast<int64_t>(a[0].items().size());
  int64_t bounds[2] = {0, size};
  for (size_t i = 0; i < 2; ++i) {
    if (a[i + 2].is(Kind::none)) continue;
    TRY(bounds[i], take_integer(a[i + 2], "index"));
    if (bounds[i] < 0) bounds[i] = std::max<int64_t>(bounds[i] < -size ? 0 : bounds[i] + size, 0);
  }
  for (int64_t i = bounds[0]; i < std::min(bounds[1], size); ++i)
    if (is_equal(a[0].items()[static_cast<size_t>(i)], a[1])) return make_integer(i);
  return error("ValueError: {} is not in list", represent(a[1]).substr(0, 80));
}

Result<Value> is_whole(Machine&, Bound& a) {
  return make_boolean(std::isfinite(a[0].real) && std::floor(a[0].real) == a[0].real);
}

Result<Value> bit_length(Machine&, Bound& a) {
  uint64_t left = a[0].integer < 0 ? 0 - static_cast<uint64_t>(a[0].integer) : static_cast<uint64_t>(a[0].integer);
  int64_t bits = 0;
  for (; left > 0; left >>= 1) ++bits;
  return make_integer(bits);
}

Result<Value> cycle(Machine&, Bound& a) {
  const auto& loop = a[0].as<LoopObject>();
  if (a.rest.empty()) return error("TypeError: no items for cycling given");
  return a.rest[loop.at % a.rest.size()];
}

Result<Value> changed(Machine& machine, Bound& a) {
  auto& loop = a[0].as<LoopObject>();
  const bool same = loop.changed && loop.changed->size() == a.rest.size() &&
                    std::equal(a.rest.begin(), a.rest.end(), loop.changed->begin(), is_equal);
  if (same) return make_boolean(false);
  if (!loop.changed) machine.adopt(a[0]);
  loop.changed = std::move(a.rest);
  return make_boolean(true);
}

Result<Value> next(Machine&, Bound& a) {
  auto& cycler = a[0].as<CyclerObject>();
  Value value = cycler.items[cycler.at];
  cycler.at = (cycler.at + 1) % cycler.items.size();
  return value;
}

Result<Value> reset(Machine&, Bound& a) {
  a[0].as<CyclerObject>().at = 0;
  return make_none();
}

constexpr Builtin kOfDict[] = {{"get", "self key default?", get},
                               {"keys", "self", keys},
                               {"values", "self", values},
                               {"items", "self", items},
                               {"copy", "self", copy}};
constexpr Builtin kOfList[] = {
    {"count", "self value", count}, {"index", "self value start? stop?", index}, {"copy", "self", copy}};
constexpr Builtin kOfTuple[] = {{"count", "self value", count}, {"index", "self value start? stop?", index}};
constexpr Builtin kOfInteger[] = {{"bit_length", "self", bit_length}};
constexpr Builtin kOfReal[] = {{"is_integer", "self", is_whole}};
constexpr Builtin kOfLoop[] = {{"cycle", "self *", cycle}, {"changed", "self *", changed}};
constexpr Builtin kOfCycler[] = {{"next", "self", next}, {"reset", "self", reset}};

}  // namespace

std::span<const Builtin> container_methods(Kind kind) {
  switch (kind) {
    case Kind::dict:
      return kOfDict;
    case Kind::list:
      return kOfList;
    case Kind::tuple:
      return kOfTuple;
    case Kind::integer:
      return kOfInteger;
    case Kind::real:
      return kOfReal;
    case Kind::loop:
      return kOfLoop;
    case Kind::cycler:
      return kOfCycler;
    default:
      return {};
  }
}

}  // namespace hearth::jinja
