// Tokenizer against ids that Hugging Face tokenizers and llama.cpp gave for the same texts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer.h"

namespace hearth {
namespace {

std::string real_fixtures() {
  const char* told = std::getenv("HEARTH_REAL_FIXTURES");
  return told ? told : HEARTH_ROOT "/../shared/fixtures/real";
}

Tokenizer load(const std::string& path) {
  auto text = read_file(path);
  EXPECT_TRUE(text.ok()) << text.message();
  auto tokenizer = Tokenizer::from_json(*text);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.message();
  return *tokenizer;
}

Json read_json(const std::string& path) {
  auto text = read_file(path);
  EXPECT_TRUE(text.ok()) << text.message();
  auto json = parse_json(*text, path);
  EXPECT_TRUE(json.ok()) << json.message();
  return *json;
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, Show show) {
  TextStream stream(tokenizer, show);
  std::string text;
  for (int32_t id : ids) text += stream.add(id);
  return text + stream.finish();
}

void expect_cases(const std::string& folder) {
  Tokenizer tokenizer = load(folder + "/tokenizer.json");
  for (const Json& row : read_json(folder + "/cases.json")) {
    auto text = row.at("text").get<std::string>();
    auto ids = row.at("ids").get<std::vector<int32_t>>();
    EXPECT_EQ(tokenizer.encode(text), ids) << text;
    EXPECT_EQ(tokenizer.decode(ids, Show::all), row.at("decoded").get<std::string>()) << text;
    EXPECT_EQ(streamed(tokenizer, ids, Show::all), tokenizer.decode(ids, Show::all)) << text;
    EXPECT_EQ(streamed(tokenizer, ids, Show::text_only), tokenizer.decode(ids, Show::text_only)) << text;
    if (!row.contains("ids_with_special")) continue;
    EXPECT_EQ(tokenizer.encode(text, Specials::add), row.at("ids_with_special").get<std::vector<int32_t>>()) << text;
  }
}

class TokenizerKinds : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerKinds, GivesTheIdsOfHuggingFace) {
  expect_cases(std::string(HEARTH_ROOT "/tests/fixtures/tokenizers/") + GetParam());
}

INSTANTIATE_TEST_SUITE_P(Bpe, TokenizerKinds,
                         testing::Values("gpt2", "llama3", "qwen2", "llama2_legacy", "llama2_metaspace"),
                         [](const auto& info) { return info.param; });

class RealTokenizers : public testing::TestWithParam<const char*> {};

TEST_P(RealTokenizers, GiveTheIdsOfHuggingFace) {
  std::string folder = real_fixtures() + "/tokenizers/" + GetParam();
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  expect_cases(folder);
}

INSTANTIATE_TEST_SUITE_P(Bpe, RealTokenizers, testing::Values("gpt2", "llama2"),
                         [](const auto& info) { return info.param; });

TEST(TokenizerFixtures, OtherModelsAreNamedInTheError) {
  for (auto [kind, type] : {std::pair("unigram", "Unigram"), std::pair("wordpiece", "WordPiece")}) {
    auto text = read_file(HEARTH_ROOT "/tests/fixtures/tokenizers/" + std::string(kind) + "/tokenizer.json");
    ASSERT_TRUE(text.ok());
    auto tokenizer = Tokenizer::from_json(*text);
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_NE(tokenizer.message().find(type), std::string::npos) << tokenizer.message();
    EXPECT_EQ(tokenizer.message().find('\n'), std::string::npos);
  }
}

// Reads the tokenizer keys of a GGUF file that is known to be sound.
class GgufKeys {
 public:
  explicit GgufKeys(std::string_view data) : data_(data) {}

  GgufVocab read() {
    at_ = 16;
    auto count = number<uint64_t>();
    for (uint64_t i = 0; i < count; ++i) {
      std::string key = string();
      value(key, number<uint32_t>());
    }
    return vocab_;
  }

 private:
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, data_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string string() {
    auto size = number<uint64_t>();
    std::string text(data_.substr(at_, size));
    at_ += size;
    return text;
  }
  void value(const std::string& key, uint32_t type) {
    constexpr size_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    auto is = [&](const char* name) { return key == std::string("tokenizer.ggml.") + name; };
    if (type == 8) {
      std::string text = string();
      if (is("model")) vocab_.model = text;
      if (is("pre")) vocab_.pre = text;
    } else if (type == 9) {
      auto element = number<uint32_t>();
      auto count = number<uint64_t>();
      for (uint64_t i = 0; i < count; ++i) {
        if (is("tokens")) {
          vocab_.tokens.push_back(string());
        } else if (is("merges")) {
          vocab_.merges.push_back(string());
        } else if (is("scores")) {
          vocab_.scores.push_back(number<float>());
        } else if (is("token_type")) {
          vocab_.types.push_back(number<int32_t>());
        } else {
          value("", element);
        }
      }
    } else if (is("bos_token_id")) {
      vocab_.bos = number<int32_t>();
    } else if (is("eos_token_id")) {
      vocab_.eos = number<int32_t>();
    } else if (is("unknown_token_id")) {
      vocab_.unk = number<int32_t>();
    } else if (is("add_bos_token")) {
      vocab_.add_bos = number<uint8_t>() != 0;
    } else if (is("add_space_prefix")) {
      vocab_.add_space_prefix = number<uint8_t>() != 0;
    } else {
      at_ += kBytes[type];
    }
  }

  std::string_view data_;
  size_t at_ = 0;
  GgufVocab vocab_;
};

class GgufVocabularies : public testing::TestWithParam<const char*> {};

TEST_P(GgufVocabularies, GiveTheIdsOfLlamaCpp) {
  std::string path = real_fixtures() + "/gguf-vocab/ggml-vocab-" + GetParam() + ".gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  auto data = read_file(path), texts = read_file(path + ".inp"), rows = read_file(path + ".out");
  ASSERT_TRUE(data.ok() && texts.ok() && rows.ok());
  auto json = gguf_vocab_to_tokenizer_json(GgufKeys(*data).read());
  ASSERT_TRUE(json.ok()) << json.message();
  auto tokenizer = Tokenizer::from_json(*json);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::istringstream lines(*rows);
  size_t at = 0;
  for (std::string line; std::getline(lines, line);) {
    ASSERT_NE(at, std::string::npos);
    size_t end = texts->find(separator, at);
    std::string text = texts->substr(at, end == std::string::npos ? end : end - at);
    at = end == std::string::npos ? end : end + separator.size();
    std::istringstream numbers(line);
    std::vector<int32_t> ids{std::istream_iterator<int32_t>(numbers), {}};
    EXPECT_EQ(tokenizer->encode(text), ids) << text;
    EXPECT_EQ(streamed(*tokenizer, ids, Show::all), tokenizer->decode(ids)) << text;
    EXPECT_EQ(tokenizer->decode(ids), text);
  }
}

INSTANTIATE_TEST_SUITE_P(Real, GgufVocabularies, testing::Values("gpt-2", "falcon", "deepseek-coder", "llama-spm"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace hearth
