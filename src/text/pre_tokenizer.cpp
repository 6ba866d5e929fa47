// PreTokenizer: every step edits the pieces (prefix, spaces), cuts them, and may write their bytes as characters.
#include "text/pre_tokenizer.h"

#include "text/utf8.h"

namespace hearth {

namespace {

using Step = PreTokenizerStep;
using Cut = PreTokenizerStep::Cut;

struct Part {
  Span span;
  bool matched;
};

// Matches and the text between them, in order.
std::vector<Part> parts_of(std::string_view text, const std::vector<Span>& matches) {
  std::vector<Part> parts;
  parts.reserve(matches.size() + 1);
  size_t done = 0;
  for (Span match : matches) {
    if (match.begin > done) parts.push_back({{done, match.begin}, false});
    parts.push_back({match, true});
    done = match.end;
  }
  if (done < text.size()) parts.push_back({{done, text.size()}, false});
  return parts;
}

template <class Wanted>
std::vector<Span> chars_that(std::string_view text, Wanted wanted) {
  std::vector<Span> found;
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    if (wanted(next_char(text, at))) found.push_back({begin, at});
  }
  return found;
}

// Runs of word characters, and runs of characters that are neither word nor space.
std::vector<Span> words_of(std::string_view text) {
  std::vector<Span> found;
  int last = 0;
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    char32_t c = next_char(text, at);
    int kind = is_space(c) ? 0 : is_word(c) ? 1 : 2;
    if (kind != 0 && kind == last) {
      found.back().end = at;
    } else if (kind != 0) {
      found.push_back({begin, at});
    }
    last = kind;
  }
  return found;
}

std::vector<Span> every_chars(std::string_view text, size_t count) {
  std::vector<Span> found;
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    for (size_t i = 0; i < count && at < text.size(); ++i) next_char(text, at);
    found.push_back({begin, at});
  }
  return found;
}

std::vector<Span> matches_of(const Step& step, std::string_view text) {
  if (step.fixed_chars > 0) return every_chars(text, step.fixed_chars);
  switch (step.cut) {
    case Cut::at_pattern: return step.pattern->find_all(text);
    case Cut::at_space: return chars_that(text, is_space);
    case Cut::at_digit: return chars_that(text, is_numeric);
    case Cut::at_punctuation: return chars_that(text, is_punctuation);
    case Cut::at_char: return chars_that(text, [&](char32_t c) { return c == step.cut_char; });
    case Cut::outside_words: return words_of(text);
    case Cut::never: break;
  }
  return {};
}

// Joins parts as the behavior says; removed parts are left out.
std::vector<Span> joined(const std::vector<Part>& parts, SplitBehavior behavior) {
  std::vector<Span> spans;
  spans.reserve(parts.size());
  bool before = false;      // did the part before match?
  for (const Part& part : parts) {
    bool glued = false;
    switch (behavior) {
      case SplitBehavior::removed:
        if (part.matched) continue;
        break;
      case SplitBehavior::isolated: break;
      case SplitBehavior::contiguous: glued = part.matched == before; break;
      case SplitBehavior::merged_with_previous: glued = part.matched && !before; break;
      case SplitBehavior::merged_with_next: break;
    }
    if (glued && !spans.empty()) {
      spans.back().end = part.span.end;
    } else {
      spans.push_back(part.span);
    }
    before = part.matched;
  }
  return spans;
}

// The same from the right: a match joins what follows it, unless that has a match of its own already.
std::vector<Span> joined_with_next(const std::vector<Part>& parts) {
  std::vector<Span> spans;
  bool after = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->matched && !after && !spans.empty()) {
      spans.back().begin = part->span.begin;
    } else {
      spans.push_back(part->span);
    }
    after = part->matched;
  }
  return {spans.rbegin(), spans.rend()};
}

void cut(const Step& step, Pieces& all) {
  std::vector<Pieces::Piece> pieces;
  pieces.reserve(all.pieces.size());
  for (const Pieces::Piece& piece : all.pieces) {
    std::string_view text = std::string_view(all.text).substr(piece.span.begin, piece.span.end - piece.span.begin);
    std::vector<Part> parts = parts_of(text, matches_of(step, text));
    if (step.invert) {
      for (Part& part : parts) part.matched = !part.matched;
    }
    bool next = step.behavior == SplitBehavior::merged_with_next;
    for (Span span : next ? joined_with_next(parts) : joined(parts, step.behavior)) {
      if (span.begin == span.end) continue;
      pieces.push_back({{piece.span.begin + span.begin, piece.span.begin + span.end}, piece.first && span.begin == 0});
    }
  }
  all.pieces = std::move(pieces);
}

// A new text from the old one's pieces, each through `edit(piece text, first, new text)`.
template <class Edit>
void rewrite(Pieces& all, Edit edit) {
  std::string text;
  text.reserve(all.text.size() * 5 / 4 + 16);
  for (Pieces::Piece& piece : all.pieces) {
    size_t begin = text.size();
    edit(std::string_view(all.text).substr(piece.span.begin, piece.span.end - piece.span.begin), piece.first, text);
    piece.span = {begin, text.size()};
  }
  all.text = std::move(text);
}

void apply(const Step& step, Pieces& all) {
  if (!step.space_text.empty() || step.prefix != Step::Prefix::never) {
    rewrite(all, [&](std::string_view piece, bool first, std::string& out) {
      size_t begin = out.size();
      bool wanted = step.prefix == Step::Prefix::always || (step.prefix == Step::Prefix::first && first);
      bool has_it = piece.substr(0, step.prefix_text.size()) == step.prefix_text ||
                    (!step.space_text.empty() && !piece.empty() && piece[0] == ' ');
      if (wanted && !has_it) out += step.prefix_text;
      if (step.space_text.empty()) {
        out += piece;
        return begin;
      }
      for (char c : piece) c == ' ' ? out += step.space_text : out += c;
      return begin;
    });
  }
  if (step.cut != Cut::never || step.fixed_chars > 0) cut(step, all);
  if (step.byte_chars) {
    rewrite(all, [](std::string_view piece, bool, std::string& out) {
      for (char byte : piece) append_char(out, char_of_byte(static_cast<uint8_t>(byte)));
    });
  }
}

}  // namespace

Pieces PreTokenizer::split(std::string text, bool first) const {
  Pieces all;
  all.text = std::move(text);
  all.pieces.push_back({{0, all.text.size()}, first});
  for (const Step& step : steps_) apply(step, all);
  return all;
}

namespace {

constexpr std::string_view kWho = "tokenizer.json: pre_tokenizer";
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

using Steps = std::vector<Step>;

Result<SplitBehavior> behavior_field(JsonElement object, std::string_view otherwise) {
  constexpr std::pair<std::string_view, SplitBehavior> kBehaviors[] = {
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
      {"Contiguous", SplitBehavior::contiguous}};
  TRY(std::string name, string_field_or(object, "behavior", otherwise, kWho));
  for (const auto& [known, behavior] : kBehaviors) {
    if (known == name) return behavior;
  }
  return error("{}.behavior: got '{}', want Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous", kWho,
               name.substr(0, 80));
}

Result<Done> read_byte_level(JsonElement object, Steps& steps) {
  TRY(bool prefix, flag_field(object, "add_prefix_space", true, kWho));
  TRY(bool use_regex, flag_field(object, "use_regex", true, kWho));
  Step step;
  step.byte_chars = true;
  if (prefix) {
    step.prefix = Step::Prefix::always;
    step.prefix_text = " ";
  }
  if (use_regex) {
    step.cut = Cut::at_pattern;
    TRY(step.pattern, Regex::compile(kGpt2));
  }
  steps.push_back(std::move(step));
  return Done{};
}

Result<Done> read_metaspace(JsonElement object, Steps& steps) {
  TRY(char32_t replacement, char_field(object, "replacement", "\u2581", kWho));
  TRY(bool legacy_prefix, flag_field(object, "add_prefix_space", true, kWho));
  TRY(std::string scheme, string_field_or(object, "prepend_scheme", legacy_prefix ? "always" : "never", kWho));
  TRY(bool split, flag_field(object, "split", true, kWho));
  if (!legacy_prefix) scheme = "never";
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    return error("{}.prepend_scheme: got '{}', want always, first or never", kWho, scheme.substr(0, 80));
  }
  Step step;
  step.prefix = scheme == "always" ? Step::Prefix::always : scheme == "first" ? Step::Prefix::first : Step::Prefix::never;
  append_char(step.prefix_text, replacement);
  step.space_text = step.prefix_text;
  step.behavior = SplitBehavior::merged_with_next;
  step.cut = split ? Cut::at_char : Cut::never;
  step.cut_char = replacement;
  steps.push_back(std::move(step));
  return Done{};
}

Result<Done> read_split(JsonElement object, Steps& steps) {
  Step step;
  step.cut = Cut::at_pattern;
  TRY(step.pattern, pattern_field(object, "pattern", kWho));
  TRY(step.behavior, behavior_field(object, "Isolated"));
  TRY(step.invert, flag_field(object, "invert", false, kWho));
  steps.push_back(std::move(step));
  return Done{};
}

Result<Done> read_digits(JsonElement object, Steps& steps) {
  TRY(bool individual, flag_field(object, "individual_digits", false, kWho));
  steps.push_back({Cut::at_digit, individual ? SplitBehavior::isolated : SplitBehavior::contiguous});
  return Done{};
}

Result<Done> read_punctuation(JsonElement object, Steps& steps) {
  TRY(SplitBehavior behavior, behavior_field(object, "Isolated"));
  steps.push_back({Cut::at_punctuation, behavior});
  return Done{};
}

Result<Done> read_whitespace(JsonElement, Steps& steps) {
  steps.push_back({Cut::outside_words, SplitBehavior::removed, true});
  return Done{};
}

Result<Done> read_whitespace_split(JsonElement, Steps& steps) {
  steps.push_back({Cut::at_space, SplitBehavior::removed});
  return Done{};
}

Result<Done> read_char_split(JsonElement object, Steps& steps) {
  Step step{Cut::at_char, SplitBehavior::removed};
  TRY(step.cut_char, char_field(object, "delimiter", "", kWho));
  steps.push_back(std::move(step));
  return Done{};
}

Result<Done> read_bert(JsonElement, Steps& steps) {
  steps.push_back({Cut::at_space, SplitBehavior::removed});
  steps.push_back({Cut::at_punctuation, SplitBehavior::isolated});
  return Done{};
}

Result<Done> read_fixed_length(JsonElement object, Steps& steps) {
  TRY(int64_t length, int_field(object, "length", 5, kWho));
  if (length < 1) return error("{}.length: got {}, want at least 1", kWho, length);
  Step step;
  step.fixed_chars = static_cast<size_t>(length);
  steps.push_back(std::move(step));
  return Done{};
}

constexpr std::pair<std::string_view, Result<Done> (*)(JsonElement, Steps&)> kReaders[] = {
    {"ByteLevel", read_byte_level},   {"Metaspace", read_metaspace},   {"Split", read_split},
    {"Digits", read_digits},          {"Punctuation", read_punctuation}, {"Whitespace", read_whitespace},
    {"WhitespaceSplit", read_whitespace_split}, {"CharDelimiterSplit", read_char_split},
    {"BertPreTokenizer", read_bert},  {"FixedLength", read_fixed_length}};

Result<Done> read_steps(JsonElement object, Steps& steps, int depth) {
  TRY(std::string type, string_field(object, "type", kWho));
  if (type == "Sequence") {
    if (depth > kMaxNesting) return error("{}: sequences nest deeper than {}", kWho, kMaxNesting);
    TRY(simdjson::dom::array list, array_field(object, "pretokenizers", kWho));
    for (JsonElement one : list) TRY_DONE(read_steps(one, steps, depth + 1));
    return Done{};
  }
  for (const auto& [name, read] : kReaders) {
    if (name == type) return read(object, steps);
  }
  return error("{}.type: got '{}', which is not supported", kWho, type.substr(0, 80));
}

}  // namespace

Result<PreTokenizer> PreTokenizer::from_json(std::optional<JsonElement> pre_tokenizer) {
  PreTokenizer built;
  if (pre_tokenizer) TRY_DONE(read_steps(*pre_tokenizer, built.steps_, 0));
  return built;
}

}  // namespace hearth
