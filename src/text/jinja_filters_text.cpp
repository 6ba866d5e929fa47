// Filters over text: case, stripping, escaping, wrapping, replacing.
#include <algorithm>

#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

bool is_markup(const Value& value) { return value.is(Kind::text) && value.as<TextObject>().markup; }

template <std::string (*map)(std::string_view)>
Result<Value> map_case(Machine& machine, Bound& a) {
  return machine.new_text(map(print(a[0])), is_markup(a[0]));
}

// Each word starts upper: a word begins after white space, '-', and opening brackets.
std::string title_words(std::string_view text) {
  constexpr std::string_view kBreaks = "-({[<";
  std::string out, word;
  const auto flush = [&] {
    if (word.empty()) return;
    size_t at = 0;
    next_code_point(word, at);
    out += to_upper(word.substr(0, at)) + to_lower(word.substr(at));
    word.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const int32_t c = next_code_point(text, at);
    const bool breaks = is_space(c) || (c < 128 && kBreaks.find(static_cast<char>(c)) != kBreaks.npos);
    if (breaks) flush();
    (breaks ? out : word).append(text, start, at - start);
  }
  flush();
  return out;
}

Result<Value> trim(Machine& machine, Bound& a) {
  const std::string text = print(a[0]);
  if (!a.has(1) || a[1].is(Kind::none)) return machine.new_text(std::string(strip(text)), is_markup(a[0]));
  TRY(const std::string_view characters, take_text(a[1], "trim: chars"));
  return machine.new_text(std::string(strip_of(text, characters)), is_markup(a[0]));
}

Result<Value> escape(Machine& machine, Bound& a) {
  if (is_markup(a[0])) return a[0];
  return machine.new_text(escape_html(print(a[0])), true);
}

Result<Value> force_escape(Machine& machine, Bound& a) { return machine.new_text(escape_html(print(a[0])), true); }
Result<Value> safe(Machine& machine, Bound& a) { return machine.new_text(print(a[0]), true); }
Result<Value> to_string(Machine& machine, Bound& a) {
  if (a[0].is(Kind::text)) return a[0];
  TRY_DONE(machine.spend(weight_of(a[0])));
  return machine.new_text(print(a[0]));
}

Result<Value> replace(Machine& machine, Bound& a) {
  const std::string text = print(a[0]), old = print(a[1]), fresh = print(a[2]);
  int64_t count = -1;
  if (a.has(3) && !a[3].is(Kind::none)) {
    TRY(count, take_integer(a[3], "replace: count"));
  }
  Arguments arguments{{make_text(text), make_text(old), make_text(fresh), make_integer(count)}, {}};
  TRY(Value replaced, machine.run_builtin(*find_method(Kind::text, "replace"), std::move(arguments)));
  return is_markup(a[0]) ? make_text(replaced.text(), true) : replaced;
}

Result<Value> indent(Machine& machine, Bound& a) {
  TRY(const std::string_view given, take_text(a[0], "indent"));
  std::string margin(4, ' ');
  if (a.has(1) && a[1].is(Kind::text)) {
    margin = a[1].text();
  } else if (a.has(1)) {
    TRY(const int64_t width, take_integer(a[1], "indent: width"));
    if (width > 10'000) return error("indent: got a width of {}, want at most 10000", width);
    margin = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  const bool first = a.has(2) && is_truthy(a[2]), blank = a.has(3) && is_truthy(a[3]);
  const std::string text = std::string(given) + "\n";
  const auto lines = split_lines(text);
  TRY_DONE(machine.spend(static_cast<int64_t>(lines.size() * (1 + margin.size() / 128))));
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i) out += '\n';
    if (i ? blank || !lines[i].empty() : first) out += margin;
    out += lines[i];
  }
  return machine.new_text(std::move(out), is_markup(a[0]));
}

Result<Value> truncate(Machine& machine, Bound& a) {
  TRY(const std::string_view text, take_text(a[0], "truncate"));
  TRY(const int64_t length, take_integer(a.has(1) ? a[1] : make_integer(255), "truncate: length"));
  TRY(const int64_t leeway,
      take_integer(a.has(4) && !a[4].is(Kind::none) ? a[4] : make_integer(5), "truncate: leeway"));
  const std::string end = a.has(3) ? print(a[3]) : "...";
  const int64_t room = length - count_code_points(end);
  if (room < 0) return error("truncate: got a length of {}, want at least that of the end mark", length);
  if (leeway < 0) return error("truncate: got a leeway of {}, want at least 0", leeway);
  const auto pieces = split_code_points(text);
  if (static_cast<int64_t>(pieces.size()) <= length + leeway) return a[0];
  std::string out;
  for (int64_t i = 0; i < room; ++i) out += pieces[static_cast<size_t>(i)];
  const size_t space = out.rfind(' ');
  if (!(a.has(2) && is_truthy(a[2])) && space != out.npos) out.resize(space);
  return machine.new_text(out + end);
}

Result<Value> word_count(Machine&, Bound& a) {
  const std::string text = print(a[0]);
  int64_t count = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const bool word = is_word(next_code_point(text, at));
    count += word && !inside;
    inside = word;
  }
  return make_integer(count);
}

// Comments and tags go, runs of white space become one space, then entities are read.
Result<Value> strip_tags(Machine& machine, Bound& a) {
  std::string text = print(a[0]), bare, out;
  for (size_t open; (open = text.find("<!--")) != text.npos;) {
    const size_t close = text.find("-->", open);
    if (close == text.npos) break;
    TRY_DONE(machine.spend(1 + static_cast<int64_t>(text.size() / 128)));
    text.erase(open, close + 3 - open);
  }
  for (size_t at = 0; at < text.size();) {
    const size_t close = text[at] == '<' ? text.find('>', at) : text.npos;
    if (close == text.npos)
      bare += text[at++];
    else
      at = close + 1;
  }
  for (size_t at = 0; at < bare.size();) {
    const size_t start = at;
    const bool space = is_space(next_code_point(bare, at));
    if (!space)
      out.append(bare, start, at - start);
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#34;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  std::string plain;
  for (size_t at = 0; at < out.size();) {
    const auto it = std::find_if(std::begin(kEntities), std::end(kEntities), [&](const auto& one) {
      return std::string_view(out).substr(at).starts_with(one.first);
    });
    if (it == std::end(kEntities))
      plain += out[at++];
    else
      plain += it->second, at += it->first.size();
  }
  return machine.new_text(std::move(plain));
}

std::string url_quote(std::string_view text, std::string_view safe) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos || safe.find(c) != safe.npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

// A part of a query: spaces are '+', '/' is quoted.
std::string url_part(const Value& value) {
  std::string out = url_quote(print(value), " ");
  std::replace(out.begin(), out.end(), ' ', '+');
  return out;
}

Result<Value> url_encode(Machine& machine, Bound& a) {
  if (a[0].is(Kind::text) || is_number(a[0]) || a[0].is(Kind::undefined) || a[0].is(Kind::none))
    return machine.new_text(url_quote(print(a[0]), "/"));
  std::vector<std::pair<Value, Value>> pairs;
  if (a[0].is(Kind::dict)) {
    pairs = a[0].as<DictObject>().items;
  } else {
    TRY(const std::vector<Value> items, elements_of(machine, a[0]));
    for (const Value& item : items) {
      TRY(const std::vector<Value> parts, elements_of(machine, item));
      if (parts.size() != 2) return error("urlencode: got {} parts, want pairs", parts.size());
      pairs.emplace_back(parts[0], parts[1]);
    }
  }
  std::string out;
  for (const auto& [key, value] : pairs) out += (out.empty() ? "" : "&") + url_part(key) + "=" + url_part(value);
  return machine.new_text(std::move(out));
}

Result<Value> format(Machine& machine, Bound& a) {
  if (!a.rest.empty() && !a.named.empty()) return error("format: got positional and named arguments, want one kind");
  Value arguments;
  if (a.named.empty()) {
    TRY(arguments, machine.new_list(a.rest, Kind::tuple));
  } else {
    auto dict = std::make_shared<DictObject>();
    for (auto& [name, value] : a.named) dict->set(make_text(name), value);
    TRY(arguments, machine.new_dict(std::move(dict)));
  }
  return format_percent(machine, make_text(print(a[0]), is_markup(a[0])), arguments);
}

Result<Value> center(Machine& machine, Bound& a) {
  Arguments arguments{{make_text(print(a[0]), is_markup(a[0])), a.has(1) ? a[1] : make_integer(80)}, {}};
  return machine.run_builtin(*find_method(Kind::text, "center"), std::move(arguments));
}

constexpr Builtin kFilters[] = {
    {"upper", "s", map_case<to_upper>},
    {"lower", "s", map_case<to_lower>},
    {"capitalize", "s", map_case<to_capitalized>},
    {"title", "s", map_case<title_words>},
    {"trim", "value chars?", trim},
    {"escape", "s", escape},
    {"e", "s", escape},
    {"forceescape", "value", force_escape},
    {"safe", "value", safe},
    {"string", "object", to_string},
    {"replace", "s old new count?", replace},
    {"indent", "s width? first? blank?", indent},
    {"truncate", "s length? killwords? end? leeway?", truncate},
    {"wordcount", "s", word_count},
    {"striptags", "value", strip_tags},
    {"urlencode", "value", url_encode},
    {"format", "value * **", format},
    {"center", "value width?", center},
};

}  // namespace

std::span<const Builtin> text_filters() { return kFilters; }

}  // namespace hearth::jinja
