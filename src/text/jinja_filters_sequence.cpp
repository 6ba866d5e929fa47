// Filters over sequences: ends, order, joining, grouping.
#include <algorithm>

#include "text/jinja_attribute_path.h"
#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

bool option(const Bound& a, size_t i) { return a.has(i) && is_truthy(a[i]); }

// Text compares without case unless asked otherwise.
Value sort_key(const Value& value, bool case_sensitive) {
  return value.is(Kind::text) && !case_sensitive ? make_text(to_lower(value.text())) : value;
}

struct Keyed {
  Value key, value;
};

Result<std::vector<Keyed>> with_keys(Machine& machine, const Value& source, const Value& attribute, bool case_sensitive,
                                     const Value* standard = nullptr) {
  TRY(std::vector<Value> items, elements_of(machine, source));
  TRY(const std::vector<AttributePath> paths, read_paths(attribute));
  std::vector<Keyed> out;
  for (Value& item : items) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths) {
      TRY(Value found, follow(machine, item, path, standard));
      keys.push_back(sort_key(found, case_sensitive));
    }
    Value key = keys.size() == 1 ? keys[0] : Value();
    if (keys.size() != 1) {
      TRY(key, machine.new_list(std::move(keys), Kind::tuple));
    }
    out.push_back({std::move(key), std::move(item)});
  }
  return out;
}

Result<Done> sort_keyed(Machine& machine, std::vector<Keyed>& items, bool reverse) {
  TRY_DONE(machine.spend(static_cast<int64_t>(items.size()) * 4));
  Result<Done> failed = Done{};
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    if (!failed.ok()) return false;
    const Result<bool> less = reverse ? is_less(b.key, a.key) : is_less(a.key, b.key);
    if (!less.ok()) failed = less.failure();
    return less.ok() && *less;
  });
  return failed;
}

std::vector<Value> values_of(std::vector<Keyed> items) {
  std::vector<Value> out;
  for (Keyed& item : items) out.push_back(std::move(item.value));
  return out;
}

Result<Value> sort(Machine& machine, Bound& a) {
  TRY(std::vector<Keyed> items, with_keys(machine, a[0], a[3], option(a, 2)));
  TRY_DONE(sort_keyed(machine, items, option(a, 1)));
  return machine.new_list(values_of(std::move(items)));
}

Result<Value> dict_sort(Machine& machine, Bound& a) {
  if (!a[0].is(Kind::dict)) return error("TypeError: dictsort: got '{}', want a dict", type_name(a[0]));
  const std::string by = a.has(2) ? print(a[2]) : "key";
  if (by != "key" && by != "value") return error("dictsort: got by='{}', want 'key' or 'value'", by);
  std::vector<Keyed> items;
  for (const auto& [key, value] : a[0].as<DictObject>().items) {
    TRY(Value pair, machine.new_list({key, value}, Kind::tuple));
    items.push_back({sort_key(by == "key" ? key : value, option(a, 1)), std::move(pair)});
  }
  TRY_DONE(sort_keyed(machine, items, option(a, 3)));
  return machine.new_list(values_of(std::move(items)));
}

Result<Value> unique(Machine& machine, Bound& a) {
  TRY(std::vector<Keyed> items, with_keys(machine, a[0], a[2], option(a, 1)));
  DictObject seen;
  std::vector<Value> out;
  for (Keyed& item : items) {
    if (!is_hashable(item.key)) return error("TypeError: unhashable type: '{}'", type_name(item.key));
    if (seen.find(item.key)) continue;
    seen.set(std::move(item.key), make_none());
    out.push_back(std::move(item.value));
  }
  return generate(std::move(out));
}

template <bool largest>
Result<Value> extreme(Machine& machine, Bound& a) {
  TRY(std::vector<Keyed> items, with_keys(machine, a[0], a[2], option(a, 1)));
  if (items.empty()) return make_undefined("UndefinedError: No aggregated item, sequence was empty.");
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    TRY(const bool better, largest ? is_less(items[best].key, items[i].key) : is_less(items[i].key, items[best].key));
    if (better) best = i;
  }
  return items[best].value;
}

Result<Value> group_by(Machine& machine, Bound& a) {
  const Value* standard = a.has(2) && !a[2].is(Kind::none) ? &a[2] : nullptr;
  TRY(std::vector<Keyed> items, with_keys(machine, a[0], a[1], option(a, 3), standard));
  TRY_DONE(sort_keyed(machine, items, false));
  TRY(const std::vector<AttributePath> paths, read_paths(a[1]));
  std::vector<Value> groups;
  for (size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    std::vector<Value> members;
    for (end = begin; end < items.size() && is_equal(items[end].key, items[begin].key); ++end)
      members.push_back(items[end].value);
    if (end == begin) return error("ValueError: groupby: got a key that differs from itself");
    TRY(Value grouper, follow(machine, items[begin].value, paths[0], standard));
    TRY(Value list, machine.new_list(std::move(members)));
    TRY(Value group, machine.new_list({std::move(grouper), std::move(list)}, Kind::tuple, "group"));
    groups.push_back(std::move(group));
  }
  return machine.new_list(std::move(groups));
}

Result<Value> join(Machine& machine, Bound& a) {
  TRY(const std::vector<Value> items, elements_of(machine, a[0]));
  TRY(const std::vector<AttributePath> paths, read_paths(a[2]));
  const std::string between = a.has(1) ? print(a[1]) : "";
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    TRY(const Value item, follow(machine, items[i], paths[0], nullptr));
    TRY_DONE(machine.spend(weight_of(item) + static_cast<int64_t>(between.size() / 128)));
    if (i) out += between;
    out += print(item);
  }
  return machine.new_text(std::move(out));
}

Result<Value> first(Machine& machine, Bound& a) {
  if (a[0].is(Kind::generator)) {
    auto& generator = a[0].as<GeneratorObject>();
    if (generator.next) {
      TRY(std::optional<Value> item, generator.next());
      if (item) return std::move(*item);
    }
    return make_undefined("UndefinedError: No first item, sequence was empty.");
  }
  TRY(const std::vector<Value> items, elements_of(machine, a[0]));
  if (items.empty()) return make_undefined("UndefinedError: No first item, sequence was empty.");
  return items.front();
}

Result<Value> last(Machine& machine, Bound& a) {
  if (a[0].is(Kind::generator)) return error("TypeError: 'generator' object is not reversible");
  TRY(const std::vector<Value> items, elements_of(machine, a[0]));
  if (items.empty()) return make_undefined("UndefinedError: No last item, sequence was empty.");
  return items.back();
}

Result<Value> length(Machine&, Bound& a) {
  TRY(const int64_t size, length_of(a[0]));
  return make_integer(size);
}

Result<Value> to_list(Machine& machine, Bound& a) {
  TRY(std::vector<Value> items, elements_of(machine, a[0]));
  return machine.new_list(std::move(items));
}

Result<Value> reverse(Machine& machine, Bound& a) {
  if (a[0].is(Kind::text)) return get_slice(machine, a[0], make_none(), make_none(), make_integer(-1));
  const bool was_generator = a[0].is(Kind::generator);
  TRY(std::vector<Value> items, elements_of(machine, a[0]));
  std::reverse(items.begin(), items.end());
  return was_generator ? machine.new_list(std::move(items)) : generate(std::move(items));
}

Result<Value> items(Machine& machine, Bound& a) {
  if (a[0].is(Kind::undefined)) return generate({});
  if (!a[0].is(Kind::dict))
    return error("TypeError: Can only get item pairs from a mapping, got '{}'", type_name(a[0]));
  std::vector<Value> pairs;
  for (const auto& [key, value] : a[0].as<DictObject>().items) {
    TRY(Value pair, machine.new_list({key, value}, Kind::tuple));
    pairs.push_back(std::move(pair));
  }
  return generate(std::move(pairs));
}

Result<Value> sum(Machine& machine, Bound& a) {
  TRY(const std::vector<Value> items, elements_of(machine, a[0]));
  TRY(const std::vector<AttributePath> paths, read_paths(a[1]));
  Value total = a.has(2) ? a[2] : make_integer(0);
  if (total.is(Kind::text)) return error("TypeError: sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : items) {
    TRY(const Value value, follow(machine, item, paths[0], nullptr));
    TRY(total, add(machine, total, value));
  }
  return total;
}

// Rows of `count` items; the last is filled up when there is something to fill with.
Result<Value> batch(Machine& machine, Bound& a) {
  TRY(const std::vector<Value> items, elements_of(machine, a[0]));
  TRY(const int64_t count, take_integer(a[1], "batch: linecount"));
  if (count < 1 || count > 1'000'000) return error("batch: got a linecount of {}, want 1 to 1000000", count);
  std::vector<Value> rows;
  for (size_t begin = 0; begin < items.size(); begin += static_cast<size_t>(count)) {
    const size_t end = std::min(items.size(), begin + static_cast<size_t>(count));
    std::vector<Value> row(items.begin() + static_cast<std::ptrdiff_t>(begin),
                           items.begin() + static_cast<std::ptrdiff_t>(end));
    if (a.has(2) && !a[2].is(Kind::none)) row.resize(static_cast<size_t>(count), a[2]);
    TRY(Value list, machine.new_list(std::move(row)));
    rows.push_back(std::move(list));
  }
  return generate(std::move(rows));
}

// `count` columns as even as can be, the longer first; the shorter are filled up when there is something to fill with.
Result<Value> slice_columns(Machine& machine, Bound& a) {
  TRY(const std::vector<Value> items, elements_of(machine, a[0]));
  TRY(const int64_t count, take_integer(a[1], "slice: slices"));
  if (count < 1 || count > 100'000) return error("slice: got {} slices, want 1 to 100000", count);
  TRY_DONE(machine.spend(count));
  const size_t even = items.size() / static_cast<size_t>(count), longer = items.size() % static_cast<size_t>(count);
  std::vector<Value> columns;
  size_t begin = 0;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const size_t end = begin + even + (i < longer ? 1 : 0);
    std::vector<Value> column(items.begin() + static_cast<std::ptrdiff_t>(begin),
                              items.begin() + static_cast<std::ptrdiff_t>(end));
    if (a.has(2) && !a[2].is(Kind::none) && i >= longer) column.push_back(a[2]);
    TRY(Value list, machine.new_list(std::move(column)));
    columns.push_back(std::move(list));
    begin = end;
  }
  return generate(std::move(columns));
}

constexpr Builtin kFilters[] = {
    {"first", "seq", first},
    {"last", "seq", last},
    {"length", "obj", length},
    {"count", "obj", length},
    {"list", "value", to_list},
    {"reverse", "value", reverse},
    {"items", "value", items},
    {"join", "value d? attribute?", join},
    {"sort", "value reverse? case_sensitive? attribute?", sort},
    {"dictsort", "value case_sensitive? by? reverse?", dict_sort},
    {"unique", "value case_sensitive? attribute?", unique},
    {"min", "value case_sensitive? attribute?", extreme<false>},
    {"max", "value case_sensitive? attribute?", extreme<true>},
    {"groupby", "value attribute default? case_sensitive?", group_by},
    {"sum", "iterable attribute? start?", sum},
    {"batch", "value linecount fill_with?", batch},
    {"slice", "value slices fill_with?", slice_columns},
};

}  // namespace

std::span<const Builtin> sequence_filters() { return kFilters; }

}  // namespace hearth::jinja
