// Attributes, items, slices and elements of values, as Jinja's sandbox gives them.
#include <algorithm>

#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

std::string object_name(const Value& value) { return value.is(Kind::none) ? "None" : type_name(value) + " object"; }

Value missing(const Value& object, std::string_view name) {
  return make_undefined(fmt::format("UndefinedError: '{}' has no attribute '{}'", object_name(object), name));
}

Value element_or_none(const LoopObject& loop, size_t at, std::string_view what) {
  if (at < loop.items.size()) return loop.items[at];
  return make_undefined(fmt::format("UndefinedError: there is no {} item", what));
}

std::optional<Value> loop_field(const LoopObject& loop, std::string_view name) {
  const auto at = static_cast<int64_t>(loop.at), size = static_cast<int64_t>(loop.items.size());
  if (name == "index") return make_integer(at + 1);
  if (name == "index0") return make_integer(at);
  if (name == "revindex") return make_integer(size - at);
  if (name == "revindex0") return make_integer(size - at - 1);
  if (name == "first") return make_boolean(at == 0);
  if (name == "last") return make_boolean(at + 1 == size);
  if (name == "length") return make_integer(size);
  if (name == "depth") return make_integer(loop.depth);
  if (name == "depth0") return make_integer(loop.depth - 1);
  if (name == "previtem") return element_or_none(loop, loop.at - 1, "previous");
  if (name == "nextitem") return element_or_none(loop, loop.at + 1, "next");
  return std::nullopt;
}

// What getattr would find: methods and fields, not items.
std::optional<Value> own_attribute(const Value& object, std::string_view name) {
  if (const Builtin* method = find_method(object.kind, name)) {
    return make_function(std::string(name), [method, object](Machine& machine, Arguments arguments) {
      arguments.list.insert(arguments.list.begin(), object);
      return machine.run_builtin(*method, std::move(arguments));
    });
  }
  if (changes_value(object.kind, name))
    return make_undefined(
        fmt::format("SecurityError: access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)));
  if (object.is(Kind::space)) {
    if (const Value* value = object.as<SpaceObject>().fields.find(name)) return *value;
  }
  if (object.is(Kind::loop)) return loop_field(object.as<LoopObject>(), name);
  if (object.is(Kind::cycler) && name == "current") {
    const auto& cycler = object.as<CyclerObject>();
    return cycler.items[cycler.at];
  }
  if (object.is(Kind::function) && name == "name") return make_text(object.as<FunctionObject>().name);
  if (object.is(Kind::tuple) && object.as<ListObject>().name == "group") {
    if (name == "grouper") return object.items()[0];
    if (name == "list") return object.items()[1];
  }
  return std::nullopt;
}

// The element at a Python index, from the end when negative.
std::optional<Value> element_at(const Value& object, int64_t index) {
  const Result<int64_t> size = length_of(object);
  if (!size.ok()) return std::nullopt;
  if (index < 0) index += *size;
  if (index < 0 || index >= *size) return std::nullopt;
  if (object.is(Kind::list) || object.is(Kind::tuple)) return object.items()[static_cast<size_t>(index)];
  if (object.is(Kind::range)) {
    const auto& range = object.as<RangeObject>();
    return make_integer(range.start + range.step * index);
  }
  if (!object.is(Kind::text)) return std::nullopt;
  const auto& text = object.as<TextObject>();
  if (static_cast<size_t>(text.length) == text.text.size())
    return make_text(text.text.substr(static_cast<size_t>(index), 1), text.markup);
  size_t at = 0;
  for (int64_t i = 0; i < index; ++i) next_code_point(text.text, at);
  const size_t begin = at;
  next_code_point(text.text, at);
  return make_text(text.text.substr(begin, at - begin), text.markup);
}

Result<std::optional<int64_t>> take_bound(const Value& bound) {
  if (bound.is(Kind::none)) return std::optional<int64_t>();
  if (bound.is(Kind::undefined)) return undefined_error(bound);
  if (!bound.is(Kind::integer) && !bound.is(Kind::boolean))
    return error("TypeError: slice indices must be integers or None, not '{}'", type_name(bound));
  return std::optional<int64_t>(as_integer(bound));
}

// Places first, first+step, ... of a slice of `size` elements, by Python's rules.
std::vector<int64_t> slice_places(int64_t size, std::optional<int64_t> first, std::optional<int64_t> last,
                                  int64_t step) {
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const auto clamp = [&](std::optional<int64_t> bound, int64_t standard) {
    if (!bound) return standard;
    if (*bound < 0) return std::max(*bound < -size ? low : *bound + size, low);
    return std::min(*bound, high);
  };
  const int64_t begin = clamp(first, step > 0 ? low : high), end = clamp(last, step > 0 ? high : low);
  std::vector<int64_t> places;
  for (int64_t at = begin; step > 0 ? at < end : at > end;) {
    places.push_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return places;
}

Result<std::vector<Value>> drain(Machine& machine, GeneratorObject& generator) {
  std::vector<Value> items;
  while (generator.next) {
    TRY_DONE(machine.spend(1));
    TRY(std::optional<Value> item, generator.next());
    if (!item) break;
    items.push_back(std::move(*item));
  }
  generator.next = nullptr;
  return items;
}

}  // namespace

Result<Value> get_attribute(Machine&, const Value& object, std::string_view name) {
  if (object.is(Kind::undefined)) return undefined_error(object);
  if (auto own = own_attribute(object, name)) return std::move(*own);
  if (object.is(Kind::dict)) {
    if (const Value* value = object.as<DictObject>().find(name)) return *value;
  }
  return missing(object, name);
}

Result<Value> get_item(Machine&, const Value& object, const Value& key) {
  if (object.is(Kind::undefined)) return undefined_error(object);
  if (key.is(Kind::undefined) && !object.is(Kind::dict)) return missing(object, print(key));
  if (object.is(Kind::dict) && is_hashable(key)) {
    if (const Value* value = object.as<DictObject>().find(key)) return *value;
  } else if (key.is(Kind::integer) || key.is(Kind::boolean)) {
    if (auto element = element_at(object, as_integer(key))) return std::move(*element);
  }
  if (key.is(Kind::text)) {
    if (auto own = own_attribute(object, key.text())) return std::move(*own);
    return missing(object, key.text());
  }
  return make_undefined(fmt::format("UndefinedError: {} has no element {}", object_name(object), represent(key)));
}

Result<Value> get_slice(Machine& machine, const Value& object, const Value& first, const Value& last,
                        const Value& step) {
  if (object.is(Kind::undefined)) return undefined_error(object);
  TRY(const auto begin, take_bound(first));
  TRY(const auto end, take_bound(last));
  TRY(const auto stride, take_bound(step));
  if (stride == 0) return error("ValueError: slice step cannot be zero");
  const bool sliceable =
      object.is(Kind::text) || object.is(Kind::list) || object.is(Kind::tuple) || object.is(Kind::range);
  if (!sliceable) return error("TypeError: '{}' object is not subscriptable with a slice", type_name(object));
  TRY(const int64_t size, length_of(object));
  const auto places = slice_places(size, begin, end, stride.value_or(1));
  if (object.is(Kind::range)) {
    const auto& range = object.as<RangeObject>();
    std::vector<Value> numbers;
    for (const int64_t at : places) numbers.push_back(make_integer(range.start + range.step * at));
    return machine.new_list(std::move(numbers));
  }
  TRY_DONE(machine.spend(static_cast<int64_t>(places.size()) / 16));
  if (object.is(Kind::text)) {
    const auto& text = object.as<TextObject>();
    std::string out;
    if (static_cast<size_t>(text.length) == text.text.size()) {
      for (const int64_t at : places) out += text.text[static_cast<size_t>(at)];
    } else {
      const auto pieces = split_code_points(text.text);
      for (const int64_t at : places) out += pieces[static_cast<size_t>(at)];
    }
    return machine.new_text(std::move(out), text.markup);
  }
  std::vector<Value> items;
  items.reserve(places.size());
  for (const int64_t at : places) items.push_back(object.items()[static_cast<size_t>(at)]);
  return machine.new_list(std::move(items), object.kind);
}

Result<int64_t> length_of(const Value& value) {
  switch (value.kind) {
    case Kind::undefined:
      return int64_t{0};
    case Kind::text:
      return value.as<TextObject>().length;
    case Kind::list:
    case Kind::tuple:
    case Kind::view:
      return static_cast<int64_t>(value.items().size());
    case Kind::dict:
      return static_cast<int64_t>(value.as<DictObject>().items.size());
    case Kind::range:
      return value.as<RangeObject>().size();
    case Kind::loop:
      return static_cast<int64_t>(value.as<LoopObject>().items.size());
    default:
      return error("TypeError: object of type '{}' has no len()", type_name(value));
  }
}

Result<std::vector<Value>> elements_of(Machine& machine, const Value& value) {
  std::vector<Value> items;
  switch (value.kind) {
    case Kind::undefined:
      return items;
    case Kind::list:
    case Kind::tuple:
    case Kind::view:
      TRY_DONE(machine.spend(static_cast<int64_t>(value.items().size()) / 4));
      return value.items();
    case Kind::generator:
      return drain(machine, value.as<GeneratorObject>());
    case Kind::dict:
      TRY_DONE(machine.spend(static_cast<int64_t>(value.as<DictObject>().items.size()) / 4));
      for (const auto& [key, element] : value.as<DictObject>().items) items.push_back(key);
      return items;
    case Kind::text:
      TRY_DONE(machine.spend(value.as<TextObject>().length));
      for (const std::string_view piece : split_code_points(value.text()))
        items.push_back(make_text(std::string(piece)));
      return items;
    case Kind::range: {
      const auto& range = value.as<RangeObject>();
      TRY_DONE(machine.spend(range.size()));
      for (int64_t i = 0; i < range.size(); ++i) items.push_back(make_integer(range.start + range.step * i));
      return items;
    }
    default:
      return error("TypeError: '{}' object is not iterable", type_name(value));
  }
}

}  // namespace hearth::jinja
