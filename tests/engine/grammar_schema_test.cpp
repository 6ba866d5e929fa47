// Grammars from JSON Schema: whatever is sampled validates, what should be possible is, and what cannot be said is
// refused.
#include <gtest/gtest.h>

#include <chrono>

#include "base/text.h"
#include "engine/grammar.h"
#include "tests/engine/grammar_fixture.h"
#include "tests/engine/grammar_schemas.h"
#include "tests/engine/grammar_validator.h"

namespace hearth {
namespace {

Grammar schema(std::string_view text, Whitespace whitespace = Whitespace::flexible) {
  auto made = Grammar::from_json_schema(text, whitespace);
  EXPECT_TRUE(made.ok()) << text << ": " << made.message();
  return std::move(*made);
}

TEST(GrammarSchema, WhateverIsSampledValidates) {
  const TestVocabulary vocabulary = make_vocabulary(100);
  int compiled = 0, ended = 0;
  for (uint32_t seed = 0; seed < 600; ++seed) {
    const std::string text = RandomSchema(seed).document().dump();
    const auto grammar = Grammar::from_json_schema(text, seed % 3 == 0 ? Whitespace::compact : Whitespace::flexible);
    if (!grammar) {
      // Only what can never hold (an impossible member that is required), or a value that a pattern would have to
      // judge.
      const bool expected = grammar.message().find("nothing can ever match") != std::string::npos ||
                            grammar.message().find("'pattern' beside 'enum'") != std::string::npos;
      ASSERT_TRUE(expected) << text << ": " << grammar.message();
      continue;
    }
    ++compiled;
    const BoundGrammar bound(*grammar, vocabulary.built);
    std::mt19937 random(seed);
    const Json parsed_schema = Json::parse(text);
    for (int round = 0; round < 2; ++round) {
      const auto sampled = sample(bound, vocabulary, random, 10 + static_cast<int>(random() % 80), 1500);
      if (HasFailure()) FAIL() << "seed " << seed << ": " << text;
      if (!sampled) continue;
      ++ended;
      ASSERT_TRUE(is_utf8(*sampled)) << text;
      const Json value = Json::parse(*sampled, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << "seed " << seed << ": " << text << "\n" << *sampled;
      ASSERT_TRUE(SchemaValidator(parsed_schema).valid(value)) << "seed " << seed << ": " << text << "\n" << *sampled;
    }
  }
  EXPECT_GT(compiled, 500);
  EXPECT_GT(ended, compiled);
}

struct Case {
  const char* schema;
  std::vector<std::string> yes, no;
};

const Case kCases[] = {
    {R"({})",
     {"1", "null", R"({"a":[1,{}]})", R"("x")", "-0.5e10"},
     {"", "nul", "{a:1}", "01", "[1,]", "\"\n\"", "\"\\ud800\"", "\"\\udc00\""}},
    {R"({"type":"string"})",
     {R"("")", R"("é\n\u00e9\ud83d\ude00")"},
     {"\"", "\"\\x\"", "\"\t\"", "\"\xff\"", "\"\xc3\""}},
    {R"({"type":"string","minLength":2,"maxLength":3})",
     {R"("éé")", R"("\ud83d\ude00ab")", R"("😀😀😀")"},
     {R"("a")", R"("abcd")"}},
    {R"({"type":"integer"})", {"0", "-1", "123"}, {"-0", "01", "1.0", "1e3", "-"}},
    {R"({"type":"integer","minimum":-12,"maximum":105})",
     {"-12", "-1", "0", "99", "105"},
     {"-13", "106", "1000", "-0"}},
    {R"({"type":"integer","exclusiveMinimum":9,"multipleOf":7})", {"14", "21", "700"}, {"7", "15"}},
    {R"({"type":"number","minimum":0.25,"exclusiveMaximum":3})",
     {"0.25", "1", "2.999", "0.3"},
     {"0.2", "3", "3.0", "-1", "0"}},
    {R"({"type":"number","maximum":-1.5})", {"-1.5", "-2", "-1.75", "-100"}, {"-1", "1", "-1.25", "0"}},
    {R"({"type":"number","multipleOf":0.05})", {"0.05", "1.1", "2", "-0.15"}, {"0.01", "1.11"}},
    {R"({"type":["integer","null"],"minimum":3})", {"null", "3"}, {"2", "\"\""}},
    {R"({"enum":["a",1,null,{"k":[1]}]})",
     {R"("a")", "1", "null", R"({"k":[1]})", R"({"k": [1]})"},
     {"\"b\"", "2", "{}"}},
    {R"({"const":"q\"é"})", {R"("q\"é")"}, {R"("q")"}},
    {R"({"properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["b"]})",
     {R"({"b":1})", R"({"a":1,"b":2})", "{\n  \"a\": 1,\n  \"b\": 2\n}"},
     {R"({})", R"({"a":1})", R"({"b":1,"a":2})", R"({"b":1,})", R"({"b":1,"c":2})"}},
    {R"({"properties":{"ab":{"type":"integer"}},"additionalProperties":{"type":"boolean"}})",
     {R"({})", R"({"a":true,"abc":false})", R"({"ab":1,"x":true})"},
     {R"({"ab":true})", R"({"a":1})", R"({"\u0061b":true})", R"({"x":true,"ab":1})"}},
    {R"({"type":"object","minProperties":1,"maxProperties":2,"properties":{"a":{},"b":{},"c":{}},"additionalProperties":false})",
     {R"({"a":1})", R"({"a":1,"c":1})"},
     {R"({})", R"({"a":1,"b":1,"c":1})"}},
    {R"({"type":"object","additionalProperties":{"type":"null"},"maxProperties":2})",
     {"{}", R"({"a":null,"b":null})"},
     {R"({"a":null,"b":null,"c":null})"}},
    {R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"},"minItems":1,"maxItems":3})",
     {"[1]", R"([1,"a"])", R"([1, "a", null])"},
     {"[]", R"(["a"])", R"([1,"a",null,null])"}},
    {R"({"patternProperties":{"^x":{"type":"integer"}}})",
     {"{}", R"({"x":1,"xy":2})"},
     {R"({"y":1})", R"({"x":null})"}},
    {R"({"propertyNames":{"enum":["a","b"]},"additionalProperties":{"type":"integer"}})",
     {"{}", R"({"a":1,"b":2})"},
     {R"({"c":1})", R"({"a":""})"}},
    {R"({"type":"array","prefixItems":[{"type":"integer"}]})", {"[]", "[1]"}, {"[1,2]"}},
    {R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2})",
     {"[1,2]", "[ 1, 2 ]"},
     {"[1]", "[1,2,3]"}},
    {R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"array","items":{"$ref":"#/$defs/t"}}}})",
     {"[]", "[[],[[]]]"},
     {"[1]", "[[]"}},
    {R"({"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}}},"required":["kids"]})",
     {R"({"kids":[{"kids":[]}]})"},
     {R"({"kids":[1]})", "{}"}},
    {R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"null"},"a":{"minimum":5}},"required":["b"]}]})",
     {R"({"a":5,"b":null})"},
     {R"({"a":4,"b":null})", R"({"a":5})"}},
    {R"({"allOf":[{"$ref":"#/$defs/p"},{"properties":{"x":{"const":1}}}],"$defs":{"p":{"type":"object","properties":{"x":{},"p":{"allOf":[{"$ref":"#/$defs/p"},{"properties":{"x":{"const":1}}}]}}}}})",
     {R"({"x":1,"p":{"x":1}})"},
     {R"({"x":2})", R"({"p":{"x":2}})"}},
    {R"({"oneOf":[{"properties":{"k":{"const":"a"},"v":{"type":"integer"}},"required":["k"],"type":"object"},{"properties":{"k":{"const":"b"}},"required":["k"],"type":"object"}]})",
     {R"({"k":"a","v":1})", R"({"k":"b"})"},
     {R"({"k":"b","v":1})", R"({"k":"c"})"}},
    {R"({"type":"string","pattern":"^[a-z]+$","minLength":2,"maxLength":4})",
     {"\"ab\"", "\"abcd\""},
     {"\"a\"", "\"abcde\"", "\"A1\""}},
    {R"({"type":"string","pattern":"b"})", {"\"b\"", "\"abc\"", "\"\\\"b\""}, {"\"a\"", "\"\""}},
    {R"({"type":"string","format":"date"})",
     {"\"2024-02-29\"", "\"2023-12-31\""},
     {"\"2023-02-29\"", "\"2023-13-01\"", "\"2024-1-1\""}},
    {R"({"type":"string","format":"ipv4"})", {"\"127.0.0.1\""}, {"\"256.0.0.1\"", "\"1.2.3\""}},
    {R"({"type":"string","format":"some-other"})", {"\"x\""}, {"1"}},
    {R"({"anyOf":[{"type":"integer"},{"type":"string"}],"maxLength":1,"minimum":5})", {"5", "\"a\""}, {"4", "\"ab\""}},
};

TEST(GrammarSchema, TakesWhatItSays) {
  for (const Case& one : kCases) {
    const Grammar grammar = schema(one.schema);
    for (const std::string& text : one.yes) EXPECT_TRUE(takes(grammar, text)) << one.schema << " takes " << text;
    for (const std::string& text : one.no) EXPECT_FALSE(takes(grammar, text)) << one.schema << " refuses " << text;
  }
}

TEST(GrammarSchema, SaysWhatItCannotDo) {
  for (const auto& [text, said] :
       {std::pair{"{", "json schema"},
        {"[]", "must be an object"},
        {R"({"type":"int"})", "'type'"},
        {R"({"not":{}})", "'not' is not supported"},
        {R"({"properties":{"a":{"contains":{}}}})", "'/properties/a': 'contains'"},
        {R"({"uniqueItems":true})", "uniqueItems"},
        {R"({"patternProperties":{"a":{},"b":{}}})", "patternProperties"},
        {R"({"properties":{"a":{}},"propertyNames":{}})", "propertyNames"},
        {R"({"$ref":"other.json"})", "$ref"},
        {R"({"$ref":"#/$defs/x"})", "points to nothing"},
        {R"({"$ref":"#"})", "left recursion"},
        {R"({"allOf":[{"$ref":"#"}]})", "left recursion"},
        {R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})", "no finite text"},
        {R"({"oneOf":[{"type":"number"},{"type":"integer"}]})", "'oneOf': branches 0 and 1"},
        {R"x({"type":"string","pattern":"(?=a)"})x", "look-ahead"},
        {R"({"type":"string","minLength":"3"})", "'minLength'"},
        {R"({"enum":[]})", "nothing can ever match"},
        {R"({"type":"integer","minimum":5,"maximum":4})", "nothing can ever match"},
        {R"({"type":"number","multipleOf":0})", "multipleOf"},
        {R"({"type":"integer","multipleOf":123456789})", "multipleOf"},
        {R"({"items":[{}]})", "prefixItems"},
        {R"({"enum":["a"],"minLength":2})", "nothing can ever match"},
        {R"({"enum":["a"],"pattern":"a"})", "beside 'enum'"},
        {R"({"required":"a"})", "'required'"},
        {R"({"properties":1})", "'properties'"}}) {
    const auto made = Grammar::from_json_schema(text);
    ASSERT_FALSE(made.ok()) << text;
    EXPECT_NE(made.message().find(said), std::string::npos) << text << ": " << made.message();
    EXPECT_EQ(made.message().find('\n'), std::string::npos);
  }
}

TEST(GrammarSchema, HostileOnesEndSoon) {
  std::string deep = "1", wide = R"({"type":"object","properties":{)", chain = R"({"$ref":"#/$defs/d0","$defs":{)",
              doubling = R"({"$defs":{"a0":{"type":"integer"})";
  for (int i = 0; i < 120; ++i) deep = R"({"type":"array","items":)" + (i == 0 ? std::string("{}") : deep) + "}";
  for (int i = 0; i < 3000; ++i)
    wide += fmt::format(R"({}"p{}":{{"type":"string","maxLength":1000000}})", i ? "," : "", i);
  for (int i = 0; i < 2000; ++i) chain += fmt::format(R"({}"d{}":{{"$ref":"#/$defs/d{}"}})", i ? "," : "", i, i + 1);
  for (int i = 1; i < 60; ++i)
    doubling +=
        fmt::format(R"(,"a{}":{{"allOf":[{{"$ref":"#/$defs/a{}"}},{{"$ref":"#/$defs/a{}"}}]}})", i, i - 1, i - 1);
  const std::string schemas[] = {
      deep,
      wide + "}}",
      chain + R"(,"d2000":{"type":"null"}}})",
      doubling + R"(},"$ref":"#/$defs/a59"})",
      R"({"type":"array","items":{"type":"array","items":{"type":"string","minLength":900000000},"maxItems":999999999},"minItems":888888888})",
      R"({"type":"string","pattern":"^(((a{1,999}){1,999}){1,999}){1,999}$","maxLength":100000})"};
  const TestVocabulary vocabulary = make_vocabulary();
  for (const std::string& text : schemas) {
    const auto from = std::chrono::steady_clock::now();
    const auto made = Grammar::from_json_schema(text);
    if (made) {
      const BoundGrammar bound(*made, vocabulary.built);
      GrammarMatcher matcher(bound);
      EXPECT_FALSE(allowed(matcher, vocabulary.built).empty());
    } else {
      EXPECT_EQ(made.message().find('\n'), std::string::npos);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(10)) << text.substr(0, 80);
  }
}

}  // namespace
}  // namespace hearth
