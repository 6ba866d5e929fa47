// Builds the trie of a vocabulary.
#include "engine/grammar_vocabulary.h"

#include <algorithm>

#include "base/text.h"
#include "engine/grammar.h"

namespace hearth {
namespace grammar {
namespace {

constexpr size_t kPlainChars = 64;  // plain tokens of more characters are walked like the others
constexpr size_t kMaxTokenBytes = 4096;

// Characters of a plain token, 0 if it is not one.
size_t plain_chars(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const size_t bytes = utf8_char_bytes(text, at);
    if (bytes == 0 || byte < 0x20 || byte == '"' || byte == '\\') return 0;
    at += bytes;
  }
  return count <= kPlainChars ? count : 0;
}

// Adds the tree of `ids` (sorted by their bytes) and returns its root.
uint32_t add_tree(Trie& trie, const std::vector<int32_t>& ids) {
  const auto root = static_cast<uint32_t>(trie.nodes.size());
  std::vector<uint32_t> path;
  const auto open = [&](uint8_t byte) {
    const auto depth = static_cast<uint16_t>(path.size());
    path.push_back(static_cast<uint32_t>(trie.nodes.size()));
    trie.nodes.push_back({0, static_cast<uint32_t>(trie.tokens.size()), depth, byte});
  };
  const auto close_to = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) trie.nodes[path.back()].end = static_cast<uint32_t>(trie.nodes.size());
  };
  open(0);
  std::string_view before;
  for (const int32_t id : ids) {
    const std::string& text = trie.bytes[id];
    const size_t shared = std::mismatch(before.begin(), before.end(), text.begin(), text.end()).first - before.begin();
    close_to(shared + 1);
    for (size_t i = shared; i < text.size(); ++i) open(static_cast<uint8_t>(text[i]));
    trie.tokens.push_back(id);
    before = text;
  }
  close_to(0);
  return root;
}

}  // namespace
}  // namespace grammar

Result<GrammarVocabulary> GrammarVocabulary::build(const std::vector<std::string>& token_bytes,
                                                   std::span<const int32_t> ends) {
  using namespace grammar;
  if (token_bytes.empty() || token_bytes.size() > (size_t{1} << 24))
    return error("grammar: vocabulary: got {} tokens, want 1 to 2^24", token_bytes.size());
  auto trie = std::make_shared<Trie>();
  trie->size = static_cast<int32_t>(token_bytes.size());
  trie->bytes = token_bytes;
  const size_t words = (token_bytes.size() + 31) / 32;
  trie->ends.assign(words, 0);
  for (const int32_t id : ends) {
    if (id < 0 || id >= trie->size)
      return error("grammar: vocabulary: end token {} is none of its {} tokens", id, trie->size);
    trie->ends[id / 32] |= 1u << (id % 32);
    trie->bytes[id].clear();
  }
  std::vector<int32_t> plain, other;
  std::vector<size_t> count(token_bytes.size(), 0);
  for (int32_t id = 0; id < trie->size; ++id) {
    const std::string& text = trie->bytes[id];
    if (text.empty()) continue;
    if (text.size() > kMaxTokenBytes)
      return error("grammar: vocabulary: token {} has {} bytes, want at most {}", id, text.size(), kMaxTokenBytes);
    trie->longest = std::max(trie->longest, static_cast<uint32_t>(text.size()));
    count[id] = plain_chars(text);
    (count[id] > 0 ? plain : other).push_back(id);
  }
  const auto by_bytes = [&](int32_t a, int32_t b) {
    const int order = trie->bytes[a].compare(trie->bytes[b]);
    return order != 0 ? order < 0 : a < b;
  };
  std::sort(plain.begin(), plain.end(), by_bytes);
  std::sort(other.begin(), other.end(), by_bytes);
  trie->plain_root = add_tree(*trie, plain);
  trie->other_root = add_tree(*trie, other);
  trie->nodes.push_back({0, static_cast<uint32_t>(trie->tokens.size()), 0, 0});
  trie->plain_masks.assign(kPlainChars + 1, std::vector<uint32_t>(words, 0));
  for (const int32_t id : plain)
    for (size_t n = count[id]; n <= kPlainChars; ++n) trie->plain_masks[n][id / 32] |= 1u << (id % 32);
  GrammarVocabulary vocabulary;
  vocabulary.trie_ = std::move(trie);
  return vocabulary;
}

int32_t GrammarVocabulary::size() const { return trie_->size; }

}  // namespace hearth
