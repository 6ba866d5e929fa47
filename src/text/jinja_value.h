// Values of a running template: Python's none, numbers, text, list, tuple, dict, and what templates call.
//
// Laws: a built list, tuple, dict or text does not change (the sandbox refuses every method that would), so they form
// no cycle; what can change (namespace, scopes, loops) is registered with the machine, which empties it at the end.
// `weight` and `depth` of a container are bounded when it is made, so walking one is bounded too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hearth::jinja {

class Machine;

enum class Kind : uint8_t {
  undefined,
  none,
  boolean,
  integer,
  real,
  text,
  list,
  tuple,
  dict,
  range,
  view,
  generator,
  space,
  function,
  loop,
  cycler
};

struct Object {
  virtual ~Object() = default;
};

struct Value {
  Kind kind = Kind::undefined;
  union {
    bool flag;
    int64_t integer = 0;
    double real;
  };
  std::shared_ptr<Object> object;

  bool is(Kind other) const { return kind == other; }
  template <class T>
  T& as() const {
    return static_cast<T&>(*object);
  }
  const std::string& text() const;
  const std::vector<Value>& items() const;  // list, tuple, view
};

struct TextObject : Object {
  std::string text;
  int64_t length = 0;   // code points
  bool markup = false;  // escaped already: `safe`, `escape`
};

// The elements of a list, tuple or view; `name` is the type of a view ("dict_items").
struct ListObject : Object {
  std::vector<Value> items;
  std::string_view name;
  int64_t weight = 1;
  int depth = 1;
};

// Keys in order of insertion.
struct DictObject : Object {
  std::vector<std::pair<Value, Value>> items;
  std::unordered_multimap<size_t, size_t> index;  // hash of key -> place
  int64_t weight = 1;
  int depth = 1;

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);
};

struct RangeObject : Object {
  int64_t start = 0, stop = 0, step = 1;
  int64_t size() const;
};

// Yields once: after the last element, nothing.
struct GeneratorObject : Object {
  std::function<Result<std::optional<Value>>()> next;
};

struct SpaceObject : Object {
  DictObject fields;
};

struct Arguments {
  std::vector<Value> list;
  std::vector<std::pair<std::string, Value>> named;
};

struct FunctionObject : Object {
  std::string name;
  std::function<Result<Value>(Machine&, Arguments)> run;
};

struct LoopObject : Object {
  std::vector<Value> items;
  size_t at = 0;
  int depth = 1;
  std::optional<std::vector<Value>> changed;              // the last arguments of loop.changed
  std::function<Result<Value>(Machine&, Value)> recurse;  // loop(children), of `for ... recursive`
};

struct CyclerObject : Object {
  std::vector<Value> items;
  size_t at = 0;
};

Value make_none();
Value make_boolean(bool value);
Value make_integer(int64_t value);
Value make_real(double value);
Value make_text(std::string text, bool markup = false);
Value make_undefined(std::string why);
Value make_range(int64_t start, int64_t stop, int64_t step);
Value make_generator(std::function<Result<std::optional<Value>>()> next);
Value make_function(std::string name, std::function<Result<Value>(Machine&, Arguments)> run);
// Refused when too heavy or nested too deep.
Result<Value> make_list(std::vector<Value> items, Kind kind = Kind::list, std::string_view name = {});
Result<Value> make_dict(std::shared_ptr<DictObject> dict);
Result<Value> value_of_json(const OrderedJson& json, int depth = 0);

bool is_truthy(const Value& value);
bool is_number(const Value& value);      // boolean, integer, real
double as_real(const Value& value);      // of a number
int64_t as_integer(const Value& value);  // of a boolean or integer
int64_t weight_of(const Value& value);   // how much a walk over it costs
int depth_of(const Value& value);
std::string type_name(const Value& value);  // as Python: "str", "NoneType"
bool is_hashable(const Value& value);
size_t hash_of(const Value& value);
bool is_equal(const Value& a, const Value& b);
bool is_same(const Value& a, const Value& b);          // `is`
Result<bool> is_less(const Value& a, const Value& b);  // `<`; a TypeError for kinds without an order
Error undefined_error(const Value& value);             // why it is undefined

std::string print(const Value& value);      // str()
std::string represent(const Value& value);  // repr()

struct JsonStyle {
  std::string indent;  // one level
  bool indented = false;
  bool ascii_only = false;
  bool sort_keys = false;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
Result<std::string> print_json(const Value& value, const JsonStyle& style);

}  // namespace hearth::jinja
