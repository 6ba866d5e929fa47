// Finding builtins and binding arguments to their parameters.
#include "text/jinja_builtins.h"

#include <algorithm>

#include "text/jinja_machine.h"

namespace hearth::jinja {
namespace {

struct Parameter {
  std::string_view name;
  bool optional = false;
};

struct Signature {
  std::vector<Parameter> parameters;
  bool takes_rest = false, takes_named = false;
};

Signature read_signature(std::string_view text) {
  Signature signature;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word == "*")
      signature.takes_rest = true;
    else if (word == "**")
      signature.takes_named = true;
    else if (word.ends_with('?'))
      signature.parameters.push_back({word.substr(0, word.size() - 1), true});
    else
      signature.parameters.push_back({word, false});
  }
  return signature;
}

const Builtin* find_in(std::span<const Builtin> table, std::string_view name) {
  for (const Builtin& one : table)
    if (one.name == name) return &one;
  return nullptr;
}

}  // namespace

Result<Bound> bind(std::string_view name, std::string_view parameters, Arguments arguments) {
  const Signature signature = read_signature(parameters);
  const size_t count = signature.parameters.size();
  Bound bound;
  bound.slots.resize(count, make_none());
  bound.given.resize(count, false);
  for (size_t i = 0; i < arguments.list.size(); ++i) {
    if (i < count) {
      bound.slots[i] = std::move(arguments.list[i]);
      bound.given[i] = true;
    } else if (signature.takes_rest) {
      bound.rest.push_back(std::move(arguments.list[i]));
    } else {
      return error("TypeError: {}() takes at most {} arguments, got {}", name, count, arguments.list.size());
    }
  }
  for (auto& [key, value] : arguments.named) {
    const auto it = std::find_if(signature.parameters.begin(), signature.parameters.end(),
                                 [&](const Parameter& one) { return one.name == key; });
    const size_t at = static_cast<size_t>(it - signature.parameters.begin());
    if (at == count) {
      if (!signature.takes_named) return error("TypeError: {}() got an unexpected keyword argument '{}'", name, key);
      bound.named.emplace_back(std::move(key), std::move(value));
      continue;
    }
    if (bound.given[at]) return error("TypeError: {}() got multiple values for argument '{}'", name, key);
    bound.slots[at] = std::move(value);
    bound.given[at] = true;
  }
  for (size_t i = 0; i < count; ++i)
    if (!bound.given[i] && !signature.parameters[i].optional)
      return error("TypeError: {}() is missing the argument '{}'", name, signature.parameters[i].name);
  return bound;
}

const Builtin* find_filter(std::string_view name) {
  for (const auto table : {text_filters(), sequence_filters(), selecting_filters(), other_filters()})
    if (const Builtin* found = find_in(table, name)) return found;
  return nullptr;
}

const Builtin* find_method(Kind kind, std::string_view name) {
  if (kind != Kind::text) return find_in(container_methods(kind), name);
  if (const Builtin* found = find_in(text_methods(), name)) return found;
  return find_in(text_search_methods(), name);
}

const Builtin* find_test(std::string_view name) { return find_in(value_tests(), name); }
const Builtin* find_global(std::string_view name) { return find_in(global_functions(), name); }

bool changes_value(Kind kind, std::string_view name) {
  constexpr std::string_view kOfList[] = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
  constexpr std::string_view kOfDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (kind == Kind::list) return std::find(std::begin(kOfList), std::end(kOfList), name) != std::end(kOfList);
  if (kind == Kind::dict) return std::find(std::begin(kOfDict), std::end(kOfDict), name) != std::end(kOfDict);
  return false;
}

Result<int64_t> take_integer(const Value& value, std::string_view what) {
  if (value.is(Kind::undefined)) return undefined_error(value);
  if (!value.is(Kind::integer) && !value.is(Kind::boolean))
    return error("TypeError: {}: got '{}', want an int", what, type_name(value));
  return as_integer(value);
}

Result<std::string_view> take_text(const Value& value, std::string_view what) {
  if (value.is(Kind::undefined)) return undefined_error(value);
  if (!value.is(Kind::text)) return error("TypeError: {}: got '{}', want a str", what, type_name(value));
  return std::string_view(value.text());
}

}  // namespace hearth::jinja
