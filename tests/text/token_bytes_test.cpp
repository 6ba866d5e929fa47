// Tokenizer::bytes_of: the bytes of tokens, put together, are what text between other text decodes to.
#include <gtest/gtest.h>

#include "base/file.h"
#include "text/tokenizer.h"

namespace hearth {
namespace {

Tokenizer tokenizer_at(const std::string& path) {
  const auto json = read_file(path + "/tokenizer.json");
  EXPECT_TRUE(json.ok()) << json.message();
  auto tokenizer = Tokenizer::from_json(*json);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.message();
  return *tokenizer;
}

TEST(TokenBytes, spell_the_text_of_every_kind) {
  const std::string plain = "The fox, 12 grey geese and a";
  const std::string odd = plain + " \xC3\xA9t\xC3\xA9: {\"a\": [1, \xF0\x9F\x98\x80]}\n\tend";
  // The SentencePiece fixtures count their byte tokens among the special ones, which are no text.
  for (const auto& [kind, text] : {std::pair("gpt2", odd), std::pair("llama3", odd), std::pair("qwen2", odd),
                                   std::pair("llama2_legacy", plain), std::pair("llama2_metaspace", plain)}) {
    const Tokenizer tokenizer = tokenizer_at(HEARTH_ROOT "/tests/fixtures/tokenizers/" + std::string(kind));
    std::string spelled;
    for (const int32_t id : tokenizer.encode(text)) spelled += tokenizer.bytes_of(id);
    if (spelled.starts_with(" ")) spelled.erase(0, 1);  // what SentencePiece puts before a text
    EXPECT_EQ(spelled, text) << kind;
  }
}

TEST(TokenBytes, of_specials_and_of_nothing_are_empty) {
  const Tokenizer tokenizer = tokenizer_at(HEARTH_ROOT "/models/ember");
  for (int32_t id = 0; id < tokenizer.size(); ++id) EXPECT_EQ(tokenizer.bytes_of(id).empty(), tokenizer.is_special(id)) << id;
  EXPECT_EQ(tokenizer.bytes_of(-1), "");
  EXPECT_EQ(tokenizer.bytes_of(1 << 20), "");
}

}  // namespace
}  // namespace hearth
