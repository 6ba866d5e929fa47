// Methods of str about its parts: splitting, joining, finding, replacing.
#include <algorithm>

#include "text/jinja_machine.h"
#include "text/jinja_text.h"

namespace hearth::jinja {
namespace {

const std::string& self(const Bound& a) { return a[0].text(); }
bool markup(const Bound& a) { return a[0].as<TextObject>().markup; }

Result<Value> list_of(Machine& machine, const std::vector<std::string_view>& parts, bool is_markup) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.push_back(make_text(std::string(part), is_markup));
  return machine.new_list(std::move(items));
}

// At white space: runs count as one, those at the ends not at all.
std::vector<std::string_view> split_at_space(std::string_view text, int64_t most) {
  std::vector<std::string_view> parts;
  text = strip(text, Side::left);
  while (!text.empty() && (most < 0 || static_cast<int64_t>(parts.size()) < most)) {
    size_t end = 0;
    for (size_t next = 0; end < text.size(); end = next)
      if (is_space(next_code_point(text, next))) break;
    parts.push_back(text.substr(0, end));
    text = strip(text.substr(end), Side::left);
  }
  if (!text.empty()) parts.push_back(text);  // the rest keeps the white space at its end
  return parts;
}

// The last `most` words; what is left of them stays together.
std::vector<std::string_view> split_at_space_from_right(std::string_view text, int64_t most) {
  std::vector<std::string_view> words = split_at_space(text, -1);
  const auto extra = static_cast<int64_t>(words.size()) - most;
  if (most < 0 || extra <= 0) return words;
  const char* begin = text.data();  // the rest keeps the white space at its start
  const std::string_view& end = words[static_cast<size_t>(extra - 1)];
  std::vector<std::string_view> parts(words.begin() + extra, words.end());
  parts.insert(parts.begin(), std::string_view(begin, static_cast<size_t>(end.data() + end.size() - begin)));
  return parts;
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view mark, int64_t most) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  for (size_t at;
       (most < 0 || static_cast<int64_t>(parts.size()) < most) && (at = text.find(mark, begin)) != text.npos;) {
    parts.push_back(text.substr(begin, at - begin));
    begin = at + mark.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::vector<std::string_view> split_at_from_right(std::string_view text, std::string_view mark, int64_t most) {
  std::vector<std::string_view> parts;
  for (size_t at; (most < 0 || static_cast<int64_t>(parts.size()) < most) && (at = text.rfind(mark)) != text.npos;) {
    parts.push_back(text.substr(at + mark.size()));
    text = text.substr(0, at);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

template <Side from>
Result<Value> split(Machine& machine, Bound& a) {
  TRY(const int64_t most, take_integer(a.has(2) ? a[2] : make_integer(-1), "split: maxsplit"));
  TRY_DONE(machine.spend(1 + static_cast<int64_t>(self(a).size() / 16)));
  if (a[1].is(Kind::none)) {
    const auto parts = from == Side::left ? split_at_space(self(a), most) : split_at_space_from_right(self(a), most);
    TRY_DONE(machine.spend(static_cast<int64_t>(parts.size())));
    return list_of(machine, parts, markup(a));
  }
  TRY(const std::string_view mark, take_text(a[1], "split: sep"));
  if (mark.empty()) return error("ValueError: empty separator");
  const auto parts = from == Side::left ? split_at(self(a), mark, most) : split_at_from_right(self(a), mark, most);
  TRY_DONE(machine.spend(static_cast<int64_t>(parts.size())));
  return list_of(machine, parts, markup(a));
}

Result<Value> split_text_lines(Machine& machine, Bound& a) {
  const auto lines = split_lines(self(a), a.has(1) && is_truthy(a[1]));
  TRY_DONE(machine.spend(static_cast<int64_t>(lines.size())));
  return list_of(machine, lines, markup(a));
}

template <Side from>
Result<Value> partition(Machine& machine, Bound& a) {
  TRY(const std::string_view mark, take_text(a[1], "partition: sep"));
  if (mark.empty()) return error("ValueError: empty separator");
  const std::string_view text = self(a);
  const size_t at = from == Side::left ? text.find(mark) : text.rfind(mark);
  std::vector<std::string_view> parts = {text.substr(0, at), mark,
                                         text.substr(std::min(at, text.size() - mark.size()) + mark.size())};
  if (at == text.npos)
    parts =
        from == Side::left ? std::vector<std::string_view>{text, "", ""} : std::vector<std::string_view>{"", "", text};
  std::vector<Value> items;
  for (const std::string_view part : parts) items.push_back(make_text(std::string(part), markup(a)));
  return machine.new_list(std::move(items), Kind::tuple);
}

Result<Value> join(Machine& machine, Bound& a) {
  TRY(const std::vector<Value> items, elements_of(machine, a[1]));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is(Kind::text))
      return error("TypeError: sequence item {}: expected str instance, {} found", i, type_name(items[i]));
    TRY_DONE(machine.spend(static_cast<int64_t>((items[i].text().size() + self(a).size()) / 128)));
    if (i) out += self(a);
    const bool escapes = markup(a) && !items[i].as<TextObject>().markup;
    out += escapes ? escape_html(items[i].text()) : items[i].text();
  }
  return machine.new_text(std::move(out), markup(a));
}

// The bytes between two Python bounds in code points; `begin` in code points too. Nothing when begin is past the end.
struct Window {
  std::string_view text;
  int64_t begin = 0;
};

Result<std::optional<Window>> window(const Value& text, const Value& first, const Value& last) {
  const int64_t size = text.as<TextObject>().length;
  int64_t begin = 0, end = size;
  if (!first.is(Kind::none)) {
    TRY(begin, take_integer(first, "start"));
  }
  if (!last.is(Kind::none)) {
    TRY(end, take_integer(last, "end"));
  }
  if (begin < 0) begin = std::max<int64_t>(begin < -size ? 0 : begin + size, 0);
  if (end < 0) end = std::max<int64_t>(end < -size ? 0 : end + size, 0);
  end = std::min(end, size);
  if (begin > end) return std::optional<Window>();
  const std::string& bytes = text.text();
  size_t from = 0, to = bytes.size();
  size_t at = 0;
  for (int64_t i = 0; i <= end; ++i) {
    if (i == begin) from = at;
    if (i == end) to = at;
    if (at < bytes.size()) next_code_point(bytes, at);
  }
  return std::optional<Window>({std::string_view(bytes).substr(from, to - from), begin});
}

Result<int64_t> find_place(const Bound& a, Side from) {
  TRY(const std::string_view what, take_text(a[1], "find"));
  TRY(const std::optional<Window> in, window(a[0], a[2], a[3]));
  if (!in) return int64_t{-1};
  const size_t at = from == Side::left ? in->text.find(what) : in->text.rfind(what);
  if (at == in->text.npos) return int64_t{-1};
  return in->begin + count_code_points(in->text.substr(0, at));
}

template <Side from>
Result<Value> find(Machine&, Bound& a) {
  TRY(const int64_t place, find_place(a, from));
  return make_integer(place);
}

template <Side from>
Result<Value> index(Machine&, Bound& a) {
  TRY(const int64_t place, find_place(a, from));
  if (place < 0) return error("ValueError: substring not found");
  return make_integer(place);
}

Result<Value> count(Machine&, Bound& a) {
  TRY(const std::string_view what, take_text(a[1], "count"));
  TRY(const std::optional<Window> in, window(a[0], a[2], a[3]));
  if (!in) return make_integer(0);
  if (what.empty()) return make_integer(count_code_points(in->text) + 1);
  int64_t found = 0;
  for (size_t at = 0; (at = in->text.find(what, at)) != in->text.npos; at += what.size()) ++found;
  return make_integer(found);
}

template <bool (*fits)(std::string_view, std::string_view)>
Result<Value> has_edge(Machine&, Bound& a) {
  TRY(const std::optional<Window> in, window(a[0], a[2], a[3]));
  const std::vector<Value> wanted = a[1].is(Kind::tuple) ? a[1].items() : std::vector<Value>{a[1]};
  for (const Value& one : wanted) {
    TRY(const std::string_view edge, take_text(one, "startswith, endswith"));
    if (in && fits(in->text, edge)) return make_boolean(true);
  }
  return make_boolean(false);
}

bool starts(std::string_view text, std::string_view edge) { return text.starts_with(edge); }
bool ends(std::string_view text, std::string_view edge) { return text.ends_with(edge); }

Result<Value> replace(Machine& machine, Bound& a) {
  TRY(const std::string_view old, take_text(a[1], "replace: old"));
  TRY(const std::string_view fresh, take_text(a[2], "replace: new"));
  TRY(int64_t left, take_integer(a.has(3) ? a[3] : make_integer(-1), "replace: count"));
  const std::string& text = self(a);
  std::string out;
  size_t begin = 0, search = 0;
  const auto limit = static_cast<size_t>(machine.limits().output_bytes);
  while (left != 0 && out.size() <= limit) {
    const size_t at = old.empty() ? search : text.find(old, search);
    if (at == text.npos || at > text.size()) break;
    out.append(text, begin, at - begin);
    out += fresh;
    begin = at + old.size();
    search = begin;
    if (left > 0) --left;
    if (!old.empty()) continue;
    if (at == text.size()) break;
    next_code_point(text, search);  // between any two code points
  }
  if (begin < text.size()) out.append(text, begin);
  return machine.new_text(std::move(out), markup(a));
}

Result<Value> remove_prefix(Machine& machine, Bound& a) {
  TRY(const std::string_view prefix, take_text(a[1], "removeprefix"));
  return self(a).starts_with(prefix) ? machine.new_text(self(a).substr(prefix.size()), markup(a)) : a[0];
}

Result<Value> remove_suffix(Machine& machine, Bound& a) {
  TRY(const std::string_view suffix, take_text(a[1], "removesuffix"));
  return self(a).ends_with(suffix) ? machine.new_text(self(a).substr(0, self(a).size() - suffix.size()), markup(a))
                                   : a[0];
}

constexpr Builtin kMethods[] = {
    {"split", "self sep? maxsplit?", split<Side::left>},
    {"rsplit", "self sep? maxsplit?", split<Side::right>},
    {"splitlines", "self keepends?", split_text_lines},
    {"partition", "self sep", partition<Side::left>},
    {"rpartition", "self sep", partition<Side::right>},
    {"join", "self iterable", join},
    {"find", "self sub start? end?", find<Side::left>},
    {"rfind", "self sub start? end?", find<Side::right>},
    {"index", "self sub start? end?", index<Side::left>},
    {"rindex", "self sub start? end?", index<Side::right>},
    {"count", "self sub start? end?", count},
    {"startswith", "self prefix start? end?", has_edge<starts>},
    {"endswith", "self suffix start? end?", has_edge<ends>},
    {"replace", "self old new count?", replace},
    {"removeprefix", "self prefix", remove_prefix},
    {"removesuffix", "self suffix", remove_suffix},
};

}  // namespace

std::span<const Builtin> text_search_methods() { return kMethods; }

}  // namespace hearth::jinja
