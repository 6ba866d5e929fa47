// Filters, tests, methods, global functions and operators: tables of names, parameters and functions.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "text/jinja_value.h"

namespace hearth::jinja {

class Machine;

// Arguments after binding: one slot a parameter, then what "*" and "**" took.
struct Bound {
  std::vector<Value> slots;
  std::vector<bool> given;
  std::vector<Value> rest;
  std::vector<std::pair<std::string, Value>> named;

  const Value& operator[](size_t i) const { return slots[i]; }
  bool has(size_t i) const { return given[i]; }
};

// `parameters`: "value old new count?": names in order, '?' marks an optional one; "*" takes further positional
// arguments, "**" further named ones.
struct Builtin {
  std::string_view name;
  std::string_view parameters;
  Result<Value> (*run)(Machine&, Bound&);
};

struct Operator {
  std::string_view symbol;
  Result<Value> (*run)(Machine&, const Value&, const Value&);
};

Result<Bound> bind(std::string_view name, std::string_view parameters, Arguments arguments);

const Builtin* find_filter(std::string_view name);
const Builtin* find_test(std::string_view name);
const Builtin* find_global(std::string_view name);
const Builtin* find_method(Kind kind, std::string_view name);
bool changes_value(Kind kind, std::string_view name);  // a method that the sandbox refuses
const Operator* find_binary(std::string_view symbol);
const Operator* find_unary(std::string_view symbol);

// The tables, one a file.
std::span<const Builtin> text_filters();
std::span<const Builtin> sequence_filters();
std::span<const Builtin> selecting_filters();
std::span<const Builtin> other_filters();
std::span<const Builtin> text_methods();
std::span<const Builtin> text_search_methods();
std::span<const Builtin> container_methods(Kind kind);
std::span<const Builtin> value_tests();
std::span<const Builtin> global_functions();

// Shared by several tables.
Result<bool> compare(Machine& machine, const Value& a, int comparison, const Value& b);
Result<bool> contains(Machine& machine, const Value& container, const Value& item);
Result<Value> get_attribute(Machine& machine, const Value& object, std::string_view name);
Result<Value> get_item(Machine& machine, const Value& object, const Value& key);
Result<Value> get_slice(Machine& machine, const Value& object, const Value& first, const Value& last,
                        const Value& step);
Result<std::vector<Value>> elements_of(Machine& machine, const Value& value);  // iter(): uses a generator up
Result<int64_t> length_of(const Value& value);
Result<Value> add(Machine& machine, const Value& a, const Value& b);
Result<Value> format_percent(Machine& machine, const Value& pattern, const Value& arguments);
Result<Value> format_braces(Machine& machine, const Value& pattern, const Bound& arguments);
Result<std::string> format_time(std::string_view pattern, int64_t now);
Result<double> round_real(double value, int64_t digits);

// Arguments as C++ values, or a TypeError.
Result<int64_t> take_integer(const Value& value, std::string_view what);
Result<std::string_view> take_text(const Value& value, std::string_view what);

}  // namespace hearth::jinja
