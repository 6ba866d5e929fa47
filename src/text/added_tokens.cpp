// AddedTokens: reading them and splitting a text by them.
#include "text/added_tokens.h"

#include <algorithm>

#include "text/utf8.h"

namespace hearth {

int32_t StringSet::child_of(int32_t node, char byte) const {
  int32_t child = nodes_[node].child;
  while (child >= 0 && nodes_[child].byte != byte) child = nodes_[child].sibling;
  return child;
}

void StringSet::add(std::string_view text, int32_t value) {
  if (text.empty()) return;
  auto grow = [&](char byte, int32_t sibling) {
    nodes_.push_back({-1, sibling, -1, byte});
    return static_cast<int32_t>(nodes_.size() - 1);
  };
  int32_t& root = roots_[static_cast<unsigned char>(text[0])];
  if (root < 0) root = grow(text[0], -1);
  int32_t node = root;
  for (char byte : text.substr(1)) {
    int32_t child = child_of(node, byte);
    if (child < 0) {
      child = grow(byte, nodes_[node].child);
      nodes_[node].child = child;
    }
    node = child;
  }
  if (nodes_[node].value < 0) nodes_[node].value = value;      // the first of equal patterns wins
}

StringSet::Match StringSet::longest_at(std::string_view text, size_t at) const {
  Match best{0, -1};
  int32_t node = roots_[static_cast<unsigned char>(text[at])];
  for (size_t end = at + 1; node >= 0; ++end) {
    if (nodes_[node].value >= 0) best = {end - at, nodes_[node].value};
    if (end >= text.size()) break;
    node = child_of(node, text[end]);
  }
  return best;
}

namespace {

constexpr std::string_view kWho = "tokenizer.json: added_tokens";

// Where the character before `at` starts.
size_t char_before(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && (text[at] & 0xC0) == 0x80);
  return at;
}

bool word_before(std::string_view text, size_t at) {
  if (at == 0) return false;
  size_t begin = char_before(text, at);
  return is_word(next_char(text, begin));
}

bool word_after(std::string_view text, size_t at) { return at < text.size() && is_word(next_char(text, at)); }

size_t before_spaces(std::string_view text, size_t at) {
  while (at > 0) {
    size_t begin = char_before(text, at), next = begin;
    if (!is_space(next_char(text, next))) break;
    at = begin;
  }
  return at;
}

size_t after_spaces(std::string_view text, size_t at) {
  for (size_t next = at; next < text.size() && is_space(next_char(text, next));) at = next;
  return at;
}

Result<AddedToken> read_token(JsonElement object, const Vocabulary& vocabulary, int32_t next_id) {
  AddedToken token{};
  TRY(token.text, string_field(object, "content", kWho));
  TRY(int64_t id, int_field(object, "id", next_id, kWho));
  if (id < 0 || id > kMaxId) {
    return error("{}: '{}': got id {}, want 0..{}", kWho, token.text.substr(0, 80), id, kMaxId);
  }
  int32_t known = vocabulary.find(token.text);
  token.id = known >= 0 && vocabulary.piece(static_cast<int32_t>(id)) != token.text ? known : static_cast<int32_t>(id);
  TRY(token.single_word, flag_field(object, "single_word", false, kWho));
  TRY(token.lstrip, flag_field(object, "lstrip", false, kWho));
  TRY(token.rstrip, flag_field(object, "rstrip", false, kWho));
  TRY(token.special, flag_field(object, "special", false, kWho));
  TRY(token.normalized, flag_field(object, "normalized", !token.special, kWho));
  return token;
}

}  // namespace

// A later token takes the place of an earlier one with the same id or the same spelling.
void AddedTokens::add(AddedToken token) {
  size_ = std::max(size_, token.id + 1);
  if (token.special) specials_.insert(token.text);
  by_id_[token.id] = tokens_.size();
  by_text_[token.text] = tokens_.size();
  tokens_.push_back(std::move(token));
}

Result<AddedTokens> AddedTokens::from_json(JsonElement tokenizer, const Vocabulary& vocabulary,
                                           const Normalizer& normalizer) {
  AddedTokens built;
  if (!field(tokenizer, "added_tokens")) return built;
  TRY(simdjson::dom::array list, array_field(tokenizer, "added_tokens", "tokenizer.json"));
  for (JsonElement object : list) {
    TRY(AddedToken token, read_token(object, vocabulary, std::max(vocabulary.size(), built.size_)));
    if (!token.text.empty()) built.add(std::move(token));
  }
  for (size_t i = 0; i < built.tokens_.size(); ++i) {
    const AddedToken& token = built.tokens_[i];
    if (built.by_id_[token.id] != i || built.by_text_[token.text] != i) continue;
    if (token.normalized) {
      built.normalized_.add(normalizer.apply(token.text), static_cast<int32_t>(i));
    } else {
      built.raw_.add(token.text, static_cast<int32_t>(i));
    }
  }
  return built;
}

std::vector<AddedTokens::Stretch> AddedTokens::split(std::string_view text, In in) const {
  const StringSet& set = in == In::text ? raw_ : normalized_;
  std::vector<Stretch> stretches;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    StringSet::Match match = set.longest_at(text, at);
    if (match.bytes == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[match.value];
    Span span{at, at + match.bytes};
    at = span.end;
    if (token.single_word && (word_before(text, span.begin) || word_after(text, span.end))) continue;
    if (token.lstrip) span.begin = std::max(before_spaces(text, span.begin), done);
    if (token.rstrip) span.end = after_spaces(text, span.end);
    if (done < span.begin) stretches.push_back({{done, span.begin}, -1});
    stretches.push_back({span, token.id});
    done = span.end;
  }
  if (done < text.size()) stretches.push_back({{done, text.size()}, -1});
  return stretches;
}

const AddedToken* AddedTokens::find(int32_t id) const {
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::find(std::string_view text) const {
  auto found = by_text_.find(std::string(text));
  return found == by_text_.end() ? nullptr : &tokens_[found->second];
}

}  // namespace hearth
