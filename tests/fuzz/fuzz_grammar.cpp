// Fuzzes grammars: any schema, regex or GBNF compiles or ends in one line; what compiles is followed by its own mask.
// LINK: hearth_engine
//
// The first byte says which language; what follows a 0xFF byte is fed to the matcher, before tokens are taken by the mask.
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/grammar.h"

namespace hearth {
namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

const GrammarVocabulary& vocabulary() {
  static const GrammarVocabulary kVocabulary = [] {
    std::vector<std::string> tokens{""};
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
    for (const char* piece :
         {"{\"", "\":", "\",\"", "}}", "]}", "ab", "abc", "\\u00", "123", "  ", "\n ", "é", "true", "aaaaaaaaaaaaaaaa"})
      tokens.push_back(piece);
    const int32_t end[] = {0};
    return std::move(*GrammarVocabulary::build(tokens, end));
  }();
  return kVocabulary;
}

Result<Grammar> compiled(std::string_view text) {
  const char kind = text.empty() ? 'j' : text[0];
  if (!text.empty()) text.remove_prefix(1);
  switch (kind) {
    case 'r':
      return Grammar::from_regex(text);
    case 'g':
      return Grammar::from_gbnf(text);
    case 'c':
      return Grammar::from_json_schema(text, Whitespace::compact);
    default:
      return Grammar::from_json_schema(text);
  }
}

void follow(const Grammar& grammar, std::string_view input) {
  const BoundGrammar bound(grammar, vocabulary(), 1 << 20);
  GrammarMatcher matcher(bound, 8);
  for (const char byte : input)
    if (!matcher.advance_bytes(std::string_view(&byte, 1))) break;
  std::vector<uint32_t> mask(vocabulary().mask_words());
  for (uint32_t step = 0; step < 24; ++step) {
    const auto some = matcher.fill_mask(mask);
    if (!some) return must(some.message().find('\n') == std::string::npos);
    if (!*some) return;
    const std::string forced = matcher.forced(16);
    std::vector<int32_t> allowed;
    for (int32_t id = 0; id < vocabulary().size(); ++id)
      if (mask[id / 32] >> (id % 32) & 1) allowed.push_back(id);
    must((mask[0] & 1) == static_cast<uint32_t>(matcher.is_complete()));
    const int32_t id = allowed[(step * 7 + input.size()) % allowed.size()];
    if (!matcher.advance(id)) return;  // only too many ways at once
    if (step % 5 == 4) must(matcher.rollback(2));
    if (matcher.is_ended()) return;
  }
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(all.find('\xff'), all.size());
  const auto grammar = compiled(all.substr(0, cut));
  if (!grammar) {
    must(!grammar.message().empty() && grammar.message().find('\n') == std::string::npos);
    return 0;
  }
  follow(*grammar, cut < all.size() ? all.substr(cut + 1) : std::string_view());
  return 0;
}
