// What the tests of grammars share: vocabularies, and sampling under a mask.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/grammar.h"

namespace hearth {

struct TestVocabulary {
  std::vector<std::string> bytes;  // token 0 is the end
  GrammarVocabulary built;
};

inline TestVocabulary vocabulary_of(std::vector<std::string> tokens) {
  const int32_t end[] = {0};
  auto built = GrammarVocabulary::build(tokens, end);
  EXPECT_TRUE(built.ok()) << built.message();
  return {std::move(tokens), std::move(*built)};
}

// The end, all single bytes, pieces of JSON, made-up words, and a special token.
inline TestVocabulary make_vocabulary(size_t words = 400, uint32_t seed = 7) {
  std::vector<std::string> tokens{""};
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  for (const char* piece :
       {"{\"",  "\":",     "\": ",   "\",",    "\", \"", "},",       "}]",       "]}",  "}}",    "[{",
        "[[",   "\"}",     "\"]",    "true",   "false",  "null",     "fal",      "se",  "\\u",   "\\n",
        "\\\"", "\\u00",   "\\ud8",  "\\udc",  "00",     "12",       "123",      "-1",  "0.",    ".5",
        "e+",   ", ",      ",\"",    "é",      "日本",   "\xF0\x9F", "\x98\x80", "😀",   "\": [", "\": {",
        "  ",   "\n",      "\n  ",   "\n    ", "2024-",  "T1",       ":00",      "Z\"", "@",     ".com",
        "ab\"", "a\": \"", "\"]}\n", "\"\"",   "{}",     "[]"})
    tokens.push_back(piece);
  std::mt19937 random(seed);
  for (size_t i = 0; i < words; ++i) {
    std::string word = random() % 2 ? " " : "";
    for (uint32_t n = 1 + random() % 9; n > 0; --n) word += static_cast<char>('a' + random() % 26);
    if (random() % 16 == 0) word += "\"";
    tokens.push_back(word);
  }
  tokens.push_back("");
  return vocabulary_of(std::move(tokens));
}

inline std::vector<int32_t> allowed(const GrammarMatcher& matcher, const GrammarVocabulary& vocabulary) {
  std::vector<uint32_t> mask(vocabulary.mask_words());
  const auto filled = matcher.fill_mask(mask);
  EXPECT_TRUE(filled.ok()) << filled.message();
  std::vector<int32_t> ids;
  for (int32_t id = 0; id < vocabulary.size(); ++id)
    if (mask[id / 32] >> (id % 32) & 1) ids.push_back(id);
  return ids;
}

// Samples until the end token: at random for `free_tokens`, then whatever closes soonest by a guess. Nothing if it does
// not end.
inline std::optional<std::string> sample(const BoundGrammar& bound, const TestVocabulary& vocabulary,
                                         std::mt19937& random, int free_tokens = 60, int most = 3000) {
  GrammarMatcher matcher(bound);
  std::string text;
  for (int step = 0; step < most; ++step) {
    std::vector<int32_t> ids = allowed(matcher, vocabulary.built);
    EXPECT_FALSE(ids.empty()) << "dead end after: " << text;
    if (ids.empty()) return std::nullopt;
    int32_t id = ids[random() % ids.size()];
    if (step > free_tokens && matcher.is_complete()) id = 0;
    if (step > free_tokens && id != 0)
      for (const char* closing : {"\"", "}", "]", "}}", "]}", ":", "0", "1"})
        for (const int32_t other : ids)
          if (random() % 3 != 0 && vocabulary.bytes[other] == closing) id = other;
    EXPECT_TRUE(matcher.advance(id)) << "masked token refused: '" << vocabulary.bytes[id] << "' after: " << text;
    if (id == 0) return text;
    text += vocabulary.bytes[id];
  }
  return std::nullopt;
}

// Does the grammar take `text` as a whole?
inline bool takes(const Grammar& grammar, std::string_view text) {
  static const TestVocabulary kBytes = make_vocabulary(0);
  const BoundGrammar bound(grammar, kBytes.built);
  GrammarMatcher matcher(bound);
  return matcher.advance_bytes(text) && matcher.is_complete();
}

}  // namespace hearth
