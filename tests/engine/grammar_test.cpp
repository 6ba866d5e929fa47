// Grammars from regexes and GBNF: what they take, how they are followed, and how hostile ones end.
#include "engine/grammar.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/engine/grammar_fixture.h"

namespace hearth {
namespace {

Grammar regex(std::string_view pattern) {
  auto made = Grammar::from_regex(pattern);
  EXPECT_TRUE(made.ok()) << made.message();
  return std::move(*made);
}

Grammar gbnf(std::string_view text) {
  auto made = Grammar::from_gbnf(text);
  EXPECT_TRUE(made.ok()) << made.message();
  return std::move(*made);
}

struct Case {
  const char* grammar;
  std::vector<std::string> yes, no;
};

TEST(GrammarRegex, TakesWhatItSays) {
  const Case cases[] = {
      {"abc", {"abc"}, {"", "ab", "abcd"}},
      {"a|bc|", {"a", "bc", ""}, {"b", "abc"}},
      {"[a-c]+x?", {"a", "abcx"}, {"x", "abxx"}},
      {"(?:ab){2,3}", {"abab", "ababab"}, {"ab", "abababab"}},
      {"a{3,}", {"aaa", "aaaaaaaaa"}, {"aa"}},
      {"[^a-z]", {"A", "é", "😀"}, {"a", "ab"}},
      {"\\d{4}-\\d\\d", {"2024-12"}, {"24-12", "2024-1"}},
      {"^x$", {"x"}, {"^x$"}},
      {".", {"é", "日", "😀", "a"}, {"\n", "", "ab"}},
      {"[à-ÿ]+", {"éèê"}, {"e"}},
      {"\\u00e9|\\x41", {"é", "A"}, {"e"}},
      {"(a*)*b", {"b", "aaab"}, {"a"}},
      {"(?:a?){5}b", {"b", "aaaaab"}, {"aaaaaab"}},
      {"(?:a|aa){2,3}", {"aa", "aaaaaa"}, {"a", "aaaaaaa"}},
      {"[\\]\\-a]+", {"]-a"}, {"b"}},
      {"(?:^a|b$)", {"a", "b"}, {"ab"}},
  };
  for (const Case& one : cases) {
    const Grammar grammar = regex(one.grammar);
    for (const std::string& text : one.yes) EXPECT_TRUE(takes(grammar, text)) << one.grammar << " takes " << text;
    for (const std::string& text : one.no) EXPECT_FALSE(takes(grammar, text)) << one.grammar << " refuses " << text;
  }
}

TEST(GrammarRegex, NamesWhatIsNotSupported) {
  for (const auto& [pattern, said] : {std::pair{"a(?=b)", "look-ahead"},
                                      {"(?<!b)a", "look-behind"},
                                      {"(a)\\1", "back references"},
                                      {"\\bword", "\\b"},
                                      {"\\p{L}", "\\p"},
                                      {"(a", "expected ')'"},
                                      {"a)", "unmatched"},
                                      {"*a", "nothing to repeat"},
                                      {"[a", "expected ']'"},
                                      {"a{3,1}", "smaller"},
                                      {"x^y", "ends of alternatives"},
                                      {"\xff", "UTF-8"},
                                      {"a{3,", "expected a number of repetitions"},
                                      {"a{3", "expected '}' after"},
                                      {"a{9999999}", "repetitions"}}) {
    const auto made = Grammar::from_regex(pattern);
    ASSERT_FALSE(made.ok()) << pattern;
    EXPECT_NE(made.message().find(said), std::string::npos) << made.message();
    EXPECT_EQ(made.message().find('\n'), std::string::npos);
  }
}

TEST(GrammarGbnf, TakesWhatItSays) {
  const Case cases[] = {
      {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "yesno"}},
      {"# a list\nroot ::= item+ # one or more\nitem ::= \"- \" [^\\n]+ \"\\n\"",
       {"- a\n", "- a\n- b\n"},
       {"- \n", "a"}},
      {"root ::= expr\nexpr ::= term (\n  [-+*/] term\n)*\nterm ::= [0-9]+ | \"(\" expr \")\"",
       {"1+2", "(1-(2*3))/4"},
       {"1+", "(1"}},
      {"root ::= \"a\"{2,3} [x-z]?", {"aa", "aaaz"}, {"a", "aaaa"}},
      {"root ::= . \"\\x41\" \"\\u00e9\"", {"bAé"}, {"bA"}},
      {"root ::= a |\n  b\na ::= \"a\"\nb ::= \"b\"", {"a", "b"}, {"ab"}},
      {"root ::= \"(\" root \")\" | \"\"", {"", "(())"}, {"(", "())"}},
      {"root ::= \"a\" root \"a\" | \"b\"", {"b", "aabaa"}, {"aba a", "aab"}},
  };
  for (const Case& one : cases) {
    const Grammar grammar = gbnf(one.grammar);
    for (const std::string& text : one.yes) EXPECT_TRUE(takes(grammar, text)) << one.grammar << " takes " << text;
    for (const std::string& text : one.no) EXPECT_FALSE(takes(grammar, text)) << one.grammar << " refuses " << text;
  }
}

TEST(GrammarGbnf, WrongOnesEndInOneLine) {
  for (const auto& [text, said] : {std::pair{"", "no rule 'root'"},
                                   {"root ::= other", "'other' is used but not defined"},
                                   {"root ::= root \"a\" | \"b\"", "left recursion"},
                                   {"root ::= x? root\nx ::= \"x\"", "left recursion"},
                                   {"root ::= a\na ::= b*  a\nb ::= \"b\"", "left recursion"},
                                   {"root ::= \"a\" root", "no finite text"},
                                   {"root ::= \"a", "ends inside"},
                                   {"root = \"a\"", "'::='"},
                                   {"root ::= [z-a]", "backwards"},
                                   {"root ::= \"a\"\nroot ::= \"b\"", "twice"},
                                   {"root ::= \"a\" ) ", "expected the end"},
                                   {"root ::= (\"a\"", "expected ')'"},
                                   {"root ::= \"\\q\"", "unknown escape"},
                                   {"root ::= \"a\"{,2}", "line 1: expected a number of repetitions up to 1000000"},
                                   {"root ::= \"a\"{2", "expected '}' after"},
                                   {"root ::= \"a\"{3,1}", "got {3,1}, want the smaller number first"},
                                   {"root ::= ((a{1000}){1000}){1000}\na ::= \"\" a", "left recursion"}}) {
    const auto made = Grammar::from_gbnf(text);
    ASSERT_FALSE(made.ok()) << text;
    EXPECT_NE(made.message().find(said), std::string::npos) << text << ": " << made.message();
    EXPECT_EQ(made.message().find('\n'), std::string::npos);
  }
}

// The slow truth of a mask: every token tried by itself.
TEST(GrammarMask, IsWhatTokensTriedOneByOneSay) {
  const TestVocabulary vocabulary = make_vocabulary();
  const std::vector<Grammar> grammars = {
      regex("(?:[a-z ]{3,9},){2,4}[0-9]+"),
      regex("[^\"]*\"[a-f]{2,70}\""),
      gbnf("root ::= (\"(\" root \")\")* | [a-c]{1,3} root?"),
      std::move(*Grammar::any_json_object()),
      std::move(*Grammar::from_json_schema(
          R"({"type":"array","minItems":2,"maxItems":5,"items":{"type":"string","minLength":1,"maxLength":7}})")),
      std::move(*Grammar::from_json_schema(
          R"({"properties":{"a":{"type":"integer","minimum":-5,"maximum":1234},"b":{"type":"string","maxLength":100}},
                                               "required":["b"],"additionalProperties":{"type":["null","string"]}})"))};
  std::mt19937 random(3);
  int compared = 0;
  for (size_t g = 0; g < grammars.size(); ++g) {
    const BoundGrammar bound(grammars[g], vocabulary.built);
    for (int round = 0; round < 6; ++round) {
      GrammarMatcher matcher(bound);
      for (int step = 0; step < 40; ++step) {
        const std::vector<int32_t> ids = allowed(matcher, vocabulary.built);
        std::vector<int32_t> tried;
        for (int32_t id = 0; id < vocabulary.built.size(); ++id)
          if (matcher.advance(id)) {
            tried.push_back(id);
            ASSERT_TRUE(matcher.rollback(1));
          }
        ASSERT_EQ(ids, tried) << "grammar " << g << " step " << step;
        ++compared;
        if (ids.empty()) break;
        ASSERT_TRUE(matcher.advance(ids[random() % ids.size()]));
      }
    }
  }
  EXPECT_GT(compared, 400);
}

Grammar strings_with_limits() {
  return std::move(*Grammar::from_json_schema(
      R"({"type":"array","items":{"type":"string","maxLength":300},"minItems":20,"maxItems":50})"));
}

// One sequence, its masks summed up; deterministic in `seed`.
uint64_t follow(const BoundGrammar& bound, const TestVocabulary& vocabulary, uint32_t seed) {
  GrammarMatcher matcher(bound);
  std::mt19937 random(seed);
  uint64_t sum = 0;
  for (int step = 0; step < 300; ++step) {
    const std::vector<int32_t> ids = allowed(matcher, vocabulary.built);
    for (const int32_t id : ids) sum = sum * 31 + static_cast<uint64_t>(id);
    if (ids.empty() || !matcher.advance(ids[random() % ids.size()])) break;
    if (step % 7 == 3) {
      EXPECT_TRUE(matcher.rollback(2));
    }
    if (matcher.is_ended()) break;
    sum += static_cast<uint64_t>(step) << 40;
  }
  return sum;
}

TEST(GrammarMask, DoesNotDependOnTheCache) {
  const TestVocabulary vocabulary = make_vocabulary();
  const Grammar grammar = strings_with_limits();
  const BoundGrammar large(grammar, vocabulary.built), small(grammar, vocabulary.built, 1000);
  for (uint32_t seed = 0; seed < 10; ++seed)
    EXPECT_EQ(follow(large, vocabulary, seed), follow(small, vocabulary, seed)) << seed;
  EXPECT_LT(small.cache_bytes(), large.cache_bytes());
}

TEST(GrammarMask, DoesNotDependOnNeighbours) {
  const TestVocabulary vocabulary = make_vocabulary();
  const Grammar grammar = strings_with_limits();
  const BoundGrammar alone(grammar, vocabulary.built), shared(grammar, vocabulary.built, 200'000);
  std::vector<uint64_t> got(8);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < got.size(); ++i) threads.emplace_back([&, i] { got[i] = follow(shared, vocabulary, i); });
  for (std::thread& thread : threads) thread.join();
  for (uint32_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], follow(alone, vocabulary, i)) << i;
}

TEST(GrammarMatcher, RollsBackAndEnds) {
  const TestVocabulary vocabulary = make_vocabulary();
  const BoundGrammar bound(regex("ab?"), vocabulary.built);
  GrammarMatcher matcher(bound, 4);
  EXPECT_FALSE(matcher.is_complete());
  EXPECT_FALSE(matcher.advance(0));
  EXPECT_TRUE(matcher.advance(1 + 'a'));
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_FALSE(matcher.advance(1 + 'a'));
  EXPECT_TRUE(matcher.advance(1 + 'b'));
  EXPECT_TRUE(matcher.advance(0));
  EXPECT_TRUE(matcher.is_ended());
  EXPECT_TRUE(allowed(matcher, vocabulary.built).empty());
  EXPECT_FALSE(matcher.advance(1 + 'b'));
  EXPECT_TRUE(matcher.rollback(2));
  EXPECT_FALSE(matcher.is_ended());
  EXPECT_TRUE(matcher.advance(1 + 'b'));
  EXPECT_FALSE(matcher.rollback(5));
  EXPECT_FALSE(matcher.advance(-1));
  EXPECT_FALSE(matcher.advance(vocabulary.built.size()));
  EXPECT_FALSE(matcher.advance(vocabulary.built.size() - 1)) << "a special token";
}

TEST(GrammarMatcher, SaysWhatIsForced) {
  const TestVocabulary vocabulary = make_vocabulary();
  const Grammar schema = std::move(*Grammar::from_json_schema(
      R"({"type":"object","properties":{"name":{"type":"string"},"ok":{"const":true}},"required":["name","ok"],"additionalProperties":false})",
      Whitespace::compact));
  const BoundGrammar bound(schema, vocabulary.built);
  GrammarMatcher matcher(bound);
  EXPECT_EQ(matcher.forced(), "{\"name\":\"");
  EXPECT_EQ(matcher.forced(3), "{\"n");
  EXPECT_TRUE(matcher.advance_bytes("{\"name\":\"x\""));
  EXPECT_EQ(matcher.forced(), ",\"ok\":true}");
  EXPECT_TRUE(matcher.advance_bytes(matcher.forced()));
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_EQ(matcher.forced(), "");
}

TEST(GrammarLimits, CountsWithoutExpanding) {
  EXPECT_LT(regex("(?:[a-z]{1,1000000},){1,1000000}").states(), 200u);
  const Grammar grammar = regex("(?:ab|c){1000000}");
  const TestVocabulary vocabulary = make_vocabulary();
  const BoundGrammar bound(grammar, vocabulary.built);
  GrammarMatcher matcher(bound);
  for (int i = 0; i < 20000; ++i) ASSERT_TRUE(matcher.advance_bytes("ab"));
  EXPECT_FALSE(matcher.is_complete());
  EXPECT_LT(bound.cache_bytes(), size_t{80} << 20);
}

TEST(GrammarLimits, AmbiguityEndsSoon) {
  const TestVocabulary vocabulary = make_vocabulary();
  for (const char* pattern :
       {"(?:(?:a{0,5000}){0,5000}){0,5000}", "(?:a|a|aa|aaa){5000}(?:a{0,3000}){0,3000}b", "((a*)*)*b", ".*a.{3000}"}) {
    const auto from = std::chrono::steady_clock::now();
    const BoundGrammar bound(regex(pattern), vocabulary.built);
    GrammarMatcher matcher(bound);
    std::vector<uint32_t> mask(vocabulary.built.mask_words());
    for (int i = 0; i < 200; ++i) {
      if (!matcher.advance_bytes("a")) break;
      if (i % 50 == 0) (void)matcher.fill_mask(mask).ok();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(20)) << pattern;
  }
}

}  // namespace
}  // namespace hearth
