// How values look as text: Python's str and repr, and json.dumps.
#include <algorithm>
#include <cmath>

#include "text/jinja_text.h"
#include "text/jinja_value.h"

namespace hearth::jinja {
namespace {

void append(std::string& out, const Value& value);

void append_items(std::string& out, const std::vector<Value>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i) out += ", ";
    append(out, items[i]);
  }
}

void append_dict(std::string& out, const DictObject& dict) {
  out += '{';
  for (size_t i = 0; i < dict.items.size(); ++i) {
    if (i) out += ", ";
    append(out, dict.items[i].first);
    out += ": ";
    append(out, dict.items[i].second);
  }
  out += '}';
}

void append_list(std::string& out, const Value& value) {
  const auto& items = value.items();
  if (value.is(Kind::tuple)) {
    out += '(';
    append_items(out, items);
    out += items.size() == 1 ? ",)" : ")";
    return;
  }
  if (value.is(Kind::view)) out += value.as<ListObject>().name, out += '(';
  out += '[';
  append_items(out, items);
  out += value.is(Kind::view) ? "])" : "]";
}

void append_text(std::string& out, const TextObject& text) {
  if (text.markup)
    out += "Markup(" + quote(text.text) + ")";
  else
    out += quote(text.text);
}

void append_range(std::string& out, const RangeObject& range) {
  out += fmt::format("range({}, {}", range.start, range.stop);
  if (range.step != 1) out += fmt::format(", {}", range.step);
  out += ')';
}

// A namespace prints no fields: it may hold itself.
void append(std::string& out, const Value& value) {
  switch (value.kind) {
    case Kind::undefined:
      out += "Undefined";
      return;
    case Kind::none:
      out += "None";
      return;
    case Kind::boolean:
      out += value.flag ? "True" : "False";
      return;
    case Kind::integer:
      out += std::to_string(value.integer);
      return;
    case Kind::real:
      out += print_real(value.real);
      return;
    case Kind::text:
      return append_text(out, value.as<TextObject>());
    case Kind::list:
    case Kind::tuple:
    case Kind::view:
      return append_list(out, value);
    case Kind::dict:
      return append_dict(out, value.as<DictObject>());
    case Kind::range:
      return append_range(out, value.as<RangeObject>());
    case Kind::function:
      out += "<function " + value.as<FunctionObject>().name + ">";
      return;
    case Kind::loop: {
      const auto& loop = value.as<LoopObject>();
      out += fmt::format("<LoopContext {}/{}>", loop.at + 1, loop.items.size());
      return;
    }
    default:
      out += "<" + type_name(value) + ">";
      return;
  }
}

struct JsonWriter {
  const JsonStyle& style;
  std::string out;

  void new_line(int level) {
    if (!style.indented) return;
    out += '\n';
    for (int i = 0; i < level; ++i) out += style.indent;
  }

  static std::string real(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return print_real(value);
  }

  Result<std::string> key(const Value& value) {
    switch (value.kind) {
      case Kind::text:
        return value.text();
      case Kind::none:
        return std::string("null");
      case Kind::boolean:
        return std::string(value.flag ? "true" : "false");
      case Kind::integer:
        return std::to_string(value.integer);
      case Kind::real:
        return real(value.real);
      default:
        return error("TypeError: keys must be str, int, float, bool or None, not {}", type_name(value));
    }
  }

  Result<Done> list(const std::vector<Value>& items, int level) {
    if (items.empty()) return out += "[]", Done{};
    out += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      if (i) out += style.item_separator;
      new_line(level + 1);
      TRY_DONE(write(items[i], level + 1));
    }
    new_line(level);
    out += ']';
    return Done{};
  }

  Result<Done> dict(const DictObject& dict, int level) {
    if (dict.items.empty()) return out += "{}", Done{};
    std::vector<const std::pair<Value, Value>*> order;
    for (const auto& item : dict.items) order.push_back(&item);
    if (style.sort_keys) {
      Result<Done> failed = Done{};
      std::stable_sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
        const Result<bool> less = is_less(a->first, b->first);
        if (!less.ok()) failed = less.failure();
        return less.ok() && *less;
      });
      TRY_DONE(failed);
    }
    out += '{';
    for (size_t i = 0; i < order.size(); ++i) {
      if (i) out += style.item_separator;
      new_line(level + 1);
      TRY(const std::string name, key(order[i]->first));
      out += quote_json(name, style.ascii_only) + style.key_separator;
      TRY_DONE(write(order[i]->second, level + 1));
    }
    new_line(level);
    out += '}';
    return Done{};
  }

  Result<Done> write(const Value& value, int level) {
    switch (value.kind) {
      case Kind::none:
        out += "null";
        return Done{};
      case Kind::boolean:
        out += value.flag ? "true" : "false";
        return Done{};
      case Kind::integer:
        out += std::to_string(value.integer);
        return Done{};
      case Kind::real:
        out += real(value.real);
        return Done{};
      case Kind::text:
        out += quote_json(value.text(), style.ascii_only);
        return Done{};
      case Kind::list:
      case Kind::tuple:
        return list(value.items(), level);
      case Kind::dict:
        return dict(value.as<DictObject>(), level);
      default:
        return error("TypeError: Object of type {} is not JSON serializable", type_name(value));
    }
  }
};

}  // namespace

std::string print(const Value& value) {
  if (value.is(Kind::undefined)) return {};
  if (value.is(Kind::text)) return value.text();
  return represent(value);
}

std::string represent(const Value& value) {
  std::string out;
  append(out, value);
  return out;
}

Result<std::string> print_json(const Value& value, const JsonStyle& style) {
  JsonWriter writer{style, {}};
  TRY_DONE(writer.write(value, 0));
  return std::move(writer.out);
}

}  // namespace hearth::jinja
