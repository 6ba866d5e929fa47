// Making, comparing, hashing and weighing template values.
#include "text/jinja_value.h"

#include <cmath>
#include <limits>

#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

constexpr int kMaxDepth = 300;
constexpr int64_t kMaxWeight = 8'000'000;

template <class T>
Value make(Kind kind, std::shared_ptr<T> object) {
  Value value;
  value.kind = kind;
  value.object = std::move(object);
  return value;
}

Result<Done> check_bounds(int64_t weight, int depth) {
  if (depth > kMaxDepth) return error("got a value nested deeper than {} levels", kMaxDepth);
  if (weight > kMaxWeight) return error("got a value of over {} elements", kMaxWeight);
  return Done{};
}

bool is_sequence(const Value& value) { return value.is(Kind::list) || value.is(Kind::tuple); }

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is(Kind::real) || b.is(Kind::real)) return as_real(a) == as_real(b);
  return as_integer(a) == as_integer(b);
}

bool equal_dicts(const DictObject& a, const DictObject& b) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = b.find(key);
    if (!other || !is_equal(value, *other)) return false;
  }
  return true;
}

bool equal_lists(const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!is_equal(a[i], b[i])) return false;
  return true;
}

bool equal_ranges(const RangeObject& a, const RangeObject& b) {
  if (a.size() != b.size()) return false;
  if (a.size() == 0) return true;
  return a.start == b.start && (a.size() == 1 || a.step == b.step);
}

}  // namespace

const std::string& Value::text() const { return as<TextObject>().text; }
const std::vector<Value>& Value::items() const { return as<ListObject>().items; }

const Value* DictObject::find(const Value& key) const {
  const auto [first, last] = index.equal_range(hash_of(key));
  for (auto it = first; it != last; ++it)
    if (is_equal(items[it->second].first, key)) return &items[it->second].second;
  return nullptr;
}

const Value* DictObject::find(std::string_view key) const {
  const auto [first, last] = index.equal_range(std::hash<std::string_view>{}(key));
  for (auto it = first; it != last; ++it) {
    const auto& [found, value] = items[it->second];
    if (found.is(Kind::text) && found.text() == key) return &value;
  }
  return nullptr;
}

void DictObject::set(Value key, Value value) {
  if (const Value* old = find(key)) {
    *const_cast<Value*>(old) = std::move(value);
    return;
  }
  index.emplace(hash_of(key), items.size());
  items.emplace_back(std::move(key), std::move(value));
}

int64_t RangeObject::size() const {
  if (step > 0 ? start >= stop : start <= stop) return 0;
  const uint64_t span = step > 0 ? static_cast<uint64_t>(stop) - start : static_cast<uint64_t>(start) - stop;
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  return static_cast<int64_t>((span - 1) / stride + 1);
}

Value make_none() {
  Value value;
  value.kind = Kind::none;
  return value;
}

Value make_boolean(bool flag) {
  Value value;
  value.kind = Kind::boolean;
  value.flag = flag;
  return value;
}

Value make_integer(int64_t integer) {
  Value value;
  value.kind = Kind::integer;
  value.integer = integer;
  return value;
}

Value make_real(double real) {
  Value value;
  value.kind = Kind::real;
  value.real = real;
  return value;
}

Value make_text(std::string text, bool markup) {
  auto object = std::make_shared<TextObject>();
  object->text = std::move(text);
  object->length = count_code_points(object->text);
  object->markup = markup;
  return make(Kind::text, std::move(object));
}

Value make_undefined(std::string why) {
  auto object = std::make_shared<TextObject>();
  object->text = std::move(why);
  return make(Kind::undefined, std::move(object));
}

Value make_range(int64_t start, int64_t stop, int64_t step) {
  auto object = std::make_shared<RangeObject>();
  object->start = start;
  object->stop = stop;
  object->step = step;
  return make(Kind::range, std::move(object));
}

Value make_generator(std::function<Result<std::optional<Value>>()> next) {
  auto object = std::make_shared<GeneratorObject>();
  object->next = std::move(next);
  return make(Kind::generator, std::move(object));
}

Value make_function(std::string name, std::function<Result<Value>(Machine&, Arguments)> run) {
  auto object = std::make_shared<FunctionObject>();
  object->name = std::move(name);
  object->run = std::move(run);
  return make(Kind::function, std::move(object));
}

Result<Value> make_list(std::vector<Value> items, Kind kind, std::string_view name) {
  auto object = std::make_shared<ListObject>();
  object->items = std::move(items);
  object->name = name;
  for (const Value& item : object->items) {
    object->weight += weight_of(item);
    object->depth = std::max(object->depth, 1 + depth_of(item));
    TRY_DONE(check_bounds(object->weight, object->depth));
  }
  return make(kind, std::move(object));
}

Result<Value> make_dict(std::shared_ptr<DictObject> dict) {
  for (const auto& [key, value] : dict->items) {
    dict->weight += weight_of(key) + weight_of(value);
    dict->depth = std::max({dict->depth, 1 + depth_of(key), 1 + depth_of(value)});
    TRY_DONE(check_bounds(dict->weight, dict->depth));
  }
  return make(Kind::dict, std::move(dict));
}

Result<Value> value_of_json(const OrderedJson& json, int depth) {
  TRY_DONE(check_bounds(0, depth));
  switch (json.type()) {
    case OrderedJson::value_t::boolean:
      return make_boolean(json.get<bool>());
    case OrderedJson::value_t::number_integer:
      return make_integer(json.get<int64_t>());
    case OrderedJson::value_t::number_float:
      return make_real(json.get<double>());
    case OrderedJson::value_t::string:
      return make_text(json.get_ref<const std::string&>());
    case OrderedJson::value_t::number_unsigned: {
      const uint64_t number = json.get<uint64_t>();
      if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return error("got the integer {}, want integers of 64 bits", number);
      return make_integer(static_cast<int64_t>(number));
    }
    case OrderedJson::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& element : json) {
        TRY(Value item, value_of_json(element, depth + 1));
        items.push_back(std::move(item));
      }
      return make_list(std::move(items));
    }
    case OrderedJson::value_t::object: {
      auto dict = std::make_shared<DictObject>();
      for (const auto& [key, element] : json.items()) {
        TRY(Value item, value_of_json(element, depth + 1));
        dict->set(make_text(key), std::move(item));
      }
      return make_dict(std::move(dict));
    }
    default:
      return make_none();
  }
}

bool is_truthy(const Value& value) {
  switch (value.kind) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
      return value.flag;
    case Kind::integer:
      return value.integer != 0;
    case Kind::real:
      return value.real != 0;
    case Kind::text:
      return !value.text().empty();
    case Kind::list:
    case Kind::tuple:
    case Kind::view:
      return !value.items().empty();
    case Kind::dict:
      return !value.as<DictObject>().items.empty();
    case Kind::range:
      return value.as<RangeObject>().size() != 0;
    case Kind::loop:
      return !value.as<LoopObject>().items.empty();
    default:
      return true;
  }
}

bool is_number(const Value& value) {
  return value.is(Kind::boolean) || value.is(Kind::integer) || value.is(Kind::real);
}

int64_t as_integer(const Value& value) { return value.is(Kind::boolean) ? value.flag : value.integer; }
double as_real(const Value& value) {
  return value.is(Kind::real) ? value.real : static_cast<double>(as_integer(value));
}

int64_t weight_of(const Value& value) {
  switch (value.kind) {
    case Kind::text:
      return 1 + static_cast<int64_t>(value.text().size() / 64);
    case Kind::list:
    case Kind::tuple:
    case Kind::view:
      return value.as<ListObject>().weight;
    case Kind::dict:
      return value.as<DictObject>().weight;
    default:
      return 1;
  }
}

int depth_of(const Value& value) {
  switch (value.kind) {
    case Kind::list:
    case Kind::tuple:
    case Kind::view:
      return value.as<ListObject>().depth;
    case Kind::dict:
      return value.as<DictObject>().depth;
    default:
      return 0;
  }
}

std::string type_name(const Value& value) {
  constexpr std::string_view kNames[] = {"Undefined", "NoneType", "bool",        "int",   "float",      "str",
                                         "list",      "tuple",    "dict",        "range", "dict_items", "generator",
                                         "Namespace", "function", "LoopContext", "Cycler"};
  if (value.is(Kind::view)) return std::string(value.as<ListObject>().name);
  if (value.is(Kind::text) && value.as<TextObject>().markup) return "Markup";
  return std::string(kNames[static_cast<int>(value.kind)]);
}

bool is_hashable(const Value& value) {
  if (value.is(Kind::list) || value.is(Kind::dict)) return false;
  if (!value.is(Kind::tuple)) return true;
  for (const Value& item : value.items())
    if (!is_hashable(item)) return false;
  return true;
}

size_t hash_of(const Value& value) {
  switch (value.kind) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
      return std::hash<double>{}(as_real(value));
    case Kind::text:
      return std::hash<std::string_view>{}(value.text());
    case Kind::tuple: {
      size_t hash = 7;
      for (const Value& item : value.items()) hash = hash * 1000003 ^ hash_of(item);
      return hash;
    }
    default:
      return static_cast<size_t>(value.kind) * 31 + 11;
  }
}

bool is_equal(const Value& a, const Value& b) {
  if (is_number(a) && is_number(b)) return equal_numbers(a, b);
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::text:
      return a.text() == b.text();
    case Kind::list:
    case Kind::tuple:
      return equal_lists(a.items(), b.items());
    case Kind::dict:
      return equal_dicts(a.as<DictObject>(), b.as<DictObject>());
    case Kind::range:
      return equal_ranges(a.as<RangeObject>(), b.as<RangeObject>());
    default:
      return a.object == b.object;
  }
}

bool is_same(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  if (is_number(a) || a.is(Kind::text) || a.is(Kind::none)) return is_equal(a, b);
  if (a.is(Kind::tuple) && a.items().empty()) return b.items().empty();
  return a.object == b.object;
}

Result<bool> is_less(const Value& a, const Value& b) {
  if (a.is(Kind::undefined)) return undefined_error(a);
  if (b.is(Kind::undefined)) return undefined_error(b);
  if (is_number(a) && is_number(b))
    return a.is(Kind::real) || b.is(Kind::real) ? as_real(a) < as_real(b) : as_integer(a) < as_integer(b);
  if (a.is(Kind::text) && b.is(Kind::text)) return a.text() < b.text();
  if (a.kind != b.kind || !is_sequence(a))
    return error("TypeError: '<' not supported between instances of '{}' and '{}'", type_name(a), type_name(b));
  const auto& left = a.items();
  const auto& right = b.items();
  for (size_t i = 0; i < left.size() && i < right.size(); ++i)
    if (!is_equal(left[i], right[i])) return is_less(left[i], right[i]);
  return left.size() < right.size();
}

Error undefined_error(const Value& value) {
  if (!value.object) return error("UndefinedError: got an undefined value, want a defined one");
  return Error{value.text()};
}

}  // namespace hearth::jinja
