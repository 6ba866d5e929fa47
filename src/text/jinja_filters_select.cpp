// Filters that apply a test or a filter to each item: map, select, reject, selectattr, rejectattr.
#include <algorithm>

#include "text/jinja_attribute_path.h"
#include "text/jinja_machine.h"

namespace hearth::jinja {
namespace {

using Apply = std::function<Result<Value>(Machine&, const Value&)>;

// Yields the items of `source` as `visit` turns them into values, or drops them (nullopt); lazily, as Jinja does.
Result<Value> stream(Machine& machine, const Value& source,
                     std::function<Result<std::optional<Value>>(Machine&, const Value&)> visit) {
  if (!is_truthy(source)) return generate({});
  TRY(std::vector<Value> items, elements_of(machine, source));
  return make_generator(
      [&machine, items = std::move(items), at = size_t{0}, visit]() mutable -> Result<std::optional<Value>> {
        while (at < items.size()) {
          TRY_DONE(machine.spend(1));
          TRY(std::optional<Value> out, visit(machine, items[at++]));
          if (out) return out;
        }
        return std::optional<Value>();
      });
}

// item -> builtin(item, arguments...)
Apply apply_builtin(const Builtin& builtin, std::vector<Value> rest, std::vector<std::pair<std::string, Value>> named) {
  return [&builtin, rest, named](Machine& machine, const Value& item) {
    Arguments arguments{{item}, named};
    arguments.list.insert(arguments.list.end(), rest.begin(), rest.end());
    return machine.run_builtin(builtin, std::move(arguments));
  };
}

Result<Value> map_attribute(Machine& machine, Bound& a) {
  Value attribute, standard;
  bool has_standard = false;
  for (auto& [name, value] : a.named) {
    if (name == "attribute")
      attribute = value;
    else if (name == "default")
      standard = value, has_standard = !value.is(Kind::none);
    else
      return error("FilterArgumentError: Unexpected keyword argument '{}'", name);
  }
  TRY(const std::vector<AttributePath> paths, read_paths(attribute));
  return stream(machine, a[0], [=](Machine& inner, const Value& item) -> Result<std::optional<Value>> {
    TRY(Value found, follow(inner, item, paths[0], has_standard ? &standard : nullptr));
    return std::optional<Value>(std::move(found));
  });
}

Result<Value> map(Machine& machine, Bound& a) {
  const bool by_attribute =
      std::any_of(a.named.begin(), a.named.end(), [](const auto& one) { return one.first == "attribute"; });
  if (a.rest.empty() && by_attribute) return map_attribute(machine, a);
  if (!is_truthy(a[0])) return generate({});
  if (a.rest.empty()) return error("FilterArgumentError: map requires a filter argument");
  TRY(const std::string_view name, take_text(a.rest[0], "map: filter"));
  const Builtin* filter = find_filter(name);
  if (!filter) return error("No filter named '{}'.", name);
  const Apply apply = apply_builtin(*filter, {a.rest.begin() + 1, a.rest.end()}, a.named);
  return stream(machine, a[0], [apply](Machine& inner, const Value& item) -> Result<std::optional<Value>> {
    TRY(Value out, apply(inner, item));
    return std::optional<Value>(std::move(out));
  });
}

enum class Keep : uint8_t { passing, failing };
enum class Look : uint8_t { item, attribute };

// The items whose value (or attribute, the first argument) passes the test named next; without one, its truth.
template <Keep keep, Look look>
Result<Value> select(Machine& machine, Bound& a) {
  if (!is_truthy(a[0])) return generate({});
  std::vector<AttributePath> paths = {{}};
  size_t at = 0;
  if (look == Look::attribute) {
    if (a.rest.empty()) return error("FilterArgumentError: Missing parameter for attribute name");
    TRY(paths, read_paths(a.rest[at++]));
  }
  Apply apply = [](Machine&, const Value& value) -> Result<Value> { return value; };
  if (at < a.rest.size()) {
    TRY(const std::string_view name, take_text(a.rest[at++], "select: test"));
    const Builtin* test = find_test(name);
    if (!test) return error("No test named '{}'.", name);
    apply = apply_builtin(*test, {a.rest.begin() + static_cast<std::ptrdiff_t>(at), a.rest.end()}, a.named);
  }
  return stream(machine, a[0], [=](Machine& inner, const Value& item) -> Result<std::optional<Value>> {
    TRY(const Value subject, follow(inner, item, paths[0], nullptr));
    TRY(const Value passes, apply(inner, subject));
    if (is_truthy(passes) == (keep == Keep::passing)) return std::optional<Value>(item);
    return std::optional<Value>();
  });
}

constexpr Builtin kFilters[] = {
    {"map", "value * **", map},
    {"select", "value * **", select<Keep::passing, Look::item>},
    {"reject", "value * **", select<Keep::failing, Look::item>},
    {"selectattr", "value * **", select<Keep::passing, Look::attribute>},
    {"rejectattr", "value * **", select<Keep::failing, Look::attribute>},
};

}  // namespace

std::span<const Builtin> selecting_filters() { return kFilters; }

Result<std::vector<AttributePath>> read_paths(const Value& attribute) {
  std::vector<AttributePath> paths;
  if (attribute.is(Kind::none) || (attribute.is(Kind::undefined) && !attribute.object))
    return std::vector<AttributePath>{{}};
  if (!attribute.is(Kind::text)) return std::vector<AttributePath>{{attribute}};
  const std::string text = attribute.text() + ",";
  for (size_t begin = 0, end; (end = text.find(',', begin)) != text.npos; begin = end + 1) {
    AttributePath path;
    std::string part;
    for (size_t i = begin; i <= end; ++i) {
      if (text[i] != '.' && i < end) {
        part += text[i];
        continue;
      }
      const bool is_index = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == part.npos;
      path.push_back(is_index ? make_integer(std::stoll(part)) : make_text(part));
      part.clear();
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

Result<Value> follow(Machine& machine, const Value& value, const AttributePath& path, const Value* standard) {
  Value at = value;
  for (const Value& step : path) {
    TRY(at, get_item(machine, at, step));
    if (standard && at.is(Kind::undefined)) at = *standard;
  }
  return at;
}

Value generate(std::vector<Value> items) {
  return make_generator([items = std::move(items), at = size_t{0}]() mutable -> Result<std::optional<Value>> {
    if (at == items.size()) return std::optional<Value>();
    return std::optional<Value>(items[at++]);
  });
}

}  // namespace hearth::jinja
