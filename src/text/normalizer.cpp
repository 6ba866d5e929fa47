// Normalizer: Unicode forms by utf8proc, the rest character by character.
#include "text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>

#include "text/utf8.h"

namespace hearth {

namespace {

using Kind = NormalizerStep::Kind;
using Steps = std::vector<NormalizerStep>;

constexpr std::string_view kWho = "tokenizer.json: normalizer";

template <class Keep>
std::string filtered(std::string_view text, Keep keep) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    if (keep(next_char(text, at))) out += text.substr(begin, at - begin);
  }
  return out;
}

// Decomposes, sorts each run of marks by class, and composes again if asked: utf8proc_map, but without its quadratic sort.
std::string unicode_form(std::string_view text, int options) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; })) {
    return std::string(text);
  }
  auto decompose = static_cast<utf8proc_option_t>((options & ~UTF8PROC_COMPOSE) | UTF8PROC_DECOMPOSE);
  std::vector<utf8proc_int32_t> chars;
  chars.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    auto c = static_cast<utf8proc_int32_t>(next_char(text, at));
    utf8proc_int32_t parts[64];
    int boundary = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(c, parts, 64, decompose, &boundary);
    if (count < 0 || count > 64) {
      chars.push_back(c);
    } else {
      chars.insert(chars.end(), parts, parts + count);
    }
  }
  auto order = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (size_t begin = 0; begin < chars.size(); ++begin) {
    if (order(chars[begin]) == 0) continue;
    size_t end = begin;
    while (end < chars.size() && order(chars[end]) != 0) ++end;
    std::stable_sort(chars.begin() + begin, chars.begin() + end, [&](auto a, auto b) { return order(a) < order(b); });
    begin = end - 1;
  }
  auto count = static_cast<utf8proc_ssize_t>(chars.size());
  if (options & UTF8PROC_COMPOSE) {
    count = utf8proc_normalize_utf32(chars.data(), count, static_cast<utf8proc_option_t>(options));
  }
  std::string out;
  for (utf8proc_ssize_t i = 0; i < count; ++i) append_char(out, static_cast<char32_t>(chars[i]));
  return out;
}

std::string lowercase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    char32_t c = next_char(text, at);
    if (c == 0x130) {      // the only letter whose lower case is two characters
      out += "i\xCC\x87";
    } else {
      append_char(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

std::string_view without_left_spaces(std::string_view text) {
  size_t begin = 0;
  for (size_t at = 0; at < text.size() && is_space(next_char(text, at));) begin = at;
  return text.substr(begin);
}

std::string_view without_right_spaces(std::string_view text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    if (!is_space(next_char(text, at))) end = at;
  }
  return text.substr(0, end);
}

std::string byte_chars(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 2);
  for (char byte : text) append_char(out, char_of_byte(static_cast<uint8_t>(byte)));
  return out;
}

// BERT: no control characters, every kind of space is ' '.
std::string cleaned(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    char32_t c = next_char(text, at);
    bool blank = c == '\t' || c == '\n' || c == '\r';
    if (c == 0 || c == 0xFFFD || (!blank && is_control(c))) continue;
    append_char(out, blank || is_space(c) ? U' ' : c);
  }
  return out;
}

bool is_han(char32_t c) {
  constexpr std::pair<char32_t, char32_t> kRanges[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                                       {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                                       {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kRanges), std::end(kRanges), [c](auto& r) { return c >= r.first && c <= r.second; });
}

std::string han_spaced(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    char32_t c = next_char(text, at);
    if (is_han(c)) out += ' ';
    append_char(out, c);
    if (is_han(c)) out += ' ';
  }
  return out;
}

std::string apply_step(const NormalizerStep& step, std::string_view text) {
  constexpr int kCompose = UTF8PROC_STABLE | UTF8PROC_COMPOSE, kDecompose = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
  switch (step.kind) {
    case Kind::prepend: return text.empty() ? std::string() : step.text + std::string(text);
    case Kind::replace: return replaced(text, *step.pattern, step.text);
    case Kind::nfc: return unicode_form(text, kCompose);
    case Kind::nfd: return unicode_form(text, kDecompose);
    case Kind::nfkc: return unicode_form(text, kCompose | UTF8PROC_COMPAT);
    case Kind::nfkd: return unicode_form(text, kDecompose | UTF8PROC_COMPAT);
    case Kind::lowercase: return lowercase(text);
    case Kind::strip_left: return std::string(without_left_spaces(text));
    case Kind::strip_right: return std::string(without_right_spaces(text));
    case Kind::strip_marks: return filtered(text, [](char32_t c) { return !is_mark(c); });
    case Kind::strip_nonspacing: return filtered(text, [](char32_t c) { return !is_nonspacing(c); });
    case Kind::byte_chars: return byte_chars(text);
    case Kind::clean: return cleaned(text);
    case Kind::space_han: return han_spaced(text);
  }
  return std::string(text);
}

Result<Done> read_bert(JsonElement normalizer, Steps& steps) {
  TRY(bool clean, flag_field(normalizer, "clean_text", true, kWho));
  TRY(bool han, flag_field(normalizer, "handle_chinese_chars", true, kWho));
  TRY(bool lower, flag_field(normalizer, "lowercase", true, kWho));
  TRY(bool strip, flag_field(normalizer, "strip_accents", lower, kWho));
  if (clean) steps.push_back({Kind::clean});
  if (han) steps.push_back({Kind::space_han});
  if (strip) {
    steps.push_back({Kind::nfd});
    steps.push_back({Kind::strip_nonspacing});
  }
  if (lower) steps.push_back({Kind::lowercase});
  return Done{};
}

// Types without fields.
constexpr std::pair<std::string_view, Kind> kPlain[] = {
    {"NFC", Kind::nfc},   {"NFD", Kind::nfd},           {"NFKC", Kind::nfkc},
    {"NFKD", Kind::nfkd}, {"Lowercase", Kind::lowercase}, {"StripAccents", Kind::strip_marks},
    {"ByteLevel", Kind::byte_chars}};

Result<Done> read_steps(JsonElement normalizer, Steps& steps, int depth) {
  TRY(std::string type, string_field(normalizer, "type", kWho));
  for (const auto& [name, kind] : kPlain) {
    if (name == type) {
      steps.push_back({kind});
      return Done{};
    }
  }
  if (type == "Sequence") {
    if (depth > kMaxNesting) return error("{}: sequences nest deeper than {}", kWho, kMaxNesting);
    TRY(simdjson::dom::array list, array_field(normalizer, "normalizers", kWho));
    for (JsonElement one : list) TRY_DONE(read_steps(one, steps, depth + 1));
    return Done{};
  }
  if (type == "Prepend") {
    TRY(std::string text, string_field(normalizer, "prepend", kWho));
    steps.push_back({Kind::prepend, text});
    return Done{};
  }
  if (type == "Replace") {
    TRY(Regex pattern, pattern_field(normalizer, "pattern", kWho));
    TRY(std::string content, string_field(normalizer, "content", kWho));
    steps.push_back({Kind::replace, content, pattern});
    return Done{};
  }
  if (type == "Strip") {
    TRY(bool left, flag_field(normalizer, "strip_left", true, kWho));
    TRY(bool right, flag_field(normalizer, "strip_right", true, kWho));
    if (left) steps.push_back({Kind::strip_left});
    if (right) steps.push_back({Kind::strip_right});
    return Done{};
  }
  if (type == "BertNormalizer") return read_bert(normalizer, steps);
  return error("{}.type: got '{}', which is not supported", kWho, type.substr(0, 80));
}

}  // namespace

std::string replaced(std::string_view text, const Regex& pattern, std::string_view with) {
  std::string out;
  out.reserve(text.size());
  size_t done = 0;
  for (Span span : pattern.find_all(text)) {
    out += text.substr(done, span.begin - done);
    out += with;
    done = span.end;
  }
  return out += text.substr(done);
}

Result<Normalizer> Normalizer::from_json(std::optional<JsonElement> normalizer) {
  Normalizer built;
  if (normalizer) TRY_DONE(read_steps(*normalizer, built.steps_, 0));
  return built;
}

std::string Normalizer::apply(std::string_view text) const {
  std::string now(text);
  for (const NormalizerStep& step : steps_) now = apply_step(step, now);
  return now;
}

}  // namespace hearth
