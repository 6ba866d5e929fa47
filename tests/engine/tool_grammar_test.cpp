// Grammars of tool calls: whatever a grammar lets through is read as calls of the tools offered, and validates.
#include <gtest/gtest.h>

#include <random>

#include "engine/grammar.h"
#include "text/message.h"

namespace hearth {
namespace {

const GrammarVocabulary& bytes() {
  static const GrammarVocabulary kBytes = [] {
    std::vector<std::string> tokens{""};
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
    const int32_t end[] = {0};
    return std::move(*GrammarVocabulary::build(tokens, end));
  }();
  return kBytes;
}

std::vector<OfferedTool> tools() {
  const Json weather = Json::parse(R"({"type": "object", "properties": {
      "city": {"type": "string"}, "unit": {"enum": ["C", "F", "a\"b"]}, "days": {"type": "integer", "minimum": 1},
      "now": {"type": "boolean"}, "at": {"$ref": "#/$defs/place"}}, "required": ["city", "days"],
      "$defs": {"place": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"]}}})");
  return {{"get_weather", weather}, {"stop", Json()}};
}

Result<Grammar> grammar_of(const ToolGrammar& made) {
  std::vector<GrammarSchema> schemas;
  for (const ToolGrammar::SchemaRule& rule : made.schemas) schemas.push_back({rule.name, dump(rule.schema)});
  return Grammar::from_gbnf(made.gbnf, schemas);
}

// A text of the grammar: bytes at random, drawn to printable ones, and to the end once there were many.
std::string random_text(const BoundGrammar& bound, std::mt19937& random) {
  GrammarMatcher matcher(bound);
  std::vector<uint32_t> mask(bytes().mask_words());
  std::string text;
  for (int step = 0; step < 4000; ++step) {
    const auto some = matcher.fill_mask(mask);
    EXPECT_TRUE(some.ok());
    if (!some.ok() || !*some) break;
    if ((mask[0] & 1) && random() % 3 == 0) break;
    std::vector<int32_t> any, allowed, closing;
    for (int32_t id = 1; id < bytes().size(); ++id) {
      if (!(mask[id / 32] >> (id % 32) & 1)) continue;
      const int byte = id - 1;
      any.push_back(id);
      if (byte >= 0x20 && byte < 0x7F) allowed.push_back(id);
      if (std::string_view("\"}]<,;>").find(static_cast<char>(byte)) != std::string_view::npos) closing.push_back(id);
      if (byte == '\n') closing.push_back(id);
    }
    if (allowed.empty() || (text.size() > 200 && !closing.empty())) allowed = closing;
    if (allowed.empty()) allowed = any;
    if (allowed.empty()) break;  // nothing but the end
    const bool closes = !closing.empty() && random() % 4 == 0;
    const auto& from = closes ? closing : allowed;
    const int32_t id = from[random() % from.size()];
    EXPECT_TRUE(matcher.advance(id));
    text += static_cast<char>(id - 1);
  }
  return matcher.is_complete() ? text : std::string();
}

void expect_valid(const std::string& name, const std::string& arguments) {
  const auto json = parse_json(arguments, "arguments");
  ASSERT_TRUE(json.ok()) << arguments;
  ASSERT_TRUE(json->is_object());
  if (name == "stop") return;
  ASSERT_EQ(name, "get_weather");
  ASSERT_TRUE(json->contains("city") && json->contains("days")) << arguments;
  for (const auto& [key, value] : json->items()) {
    if (key == "city") {
      EXPECT_TRUE(value.is_string()) << arguments;
    }
    if (key == "unit") {
      EXPECT_TRUE(value == "C" || value == "F" || value == "a\"b") << arguments;
    }
    if (key == "days") {
      EXPECT_TRUE(value.is_number() && value.get<double>() >= 1) << arguments;
    }
    if (key == "now") {
      EXPECT_TRUE(value.is_boolean()) << arguments;
    }
    if (key == "at") {
      EXPECT_TRUE(value.is_object() && value.contains("lat") && value["lat"].is_number()) << arguments;
    }
  }
}

void expect_calls(const std::string& format, const std::string& text, ToolCalls calls) {
  MessageOptions options;
  options.tool_format = format;
  options.tools = tools();
  auto parser = MessageParser::make(options);
  ASSERT_TRUE(parser.ok());
  MessageDelta first = parser->add(text);
  const MessageDelta last = parser->finish();
  EXPECT_EQ(first.content + last.content, "") << format << ": " << text;
  ASSERT_GE(first.tool_calls.size(), 1u) << format << ": " << text;
  EXPECT_TRUE(last.tool_calls.empty());
  EXPECT_FALSE(parser->has_cut_call()) << format << ": " << text;
  if (calls == ToolCalls::one) {
    EXPECT_EQ(first.tool_calls.size(), 1u) << text;
  }
  for (const ToolCallDelta& call : first.tool_calls) expect_valid(call.name, call.arguments);
}

TEST(ToolGrammar, WhatItLetsThroughIsReadAsCallsThatValidate) {
  for (const std::string& format : tool_format_names()) {
    SCOPED_TRACE(format);
    for (const ToolCalls calls : {ToolCalls::one, ToolCalls::parallel}) {
      const auto made = tool_grammar(format, tools(), ToolChoice::required, calls);
      ASSERT_TRUE(made.ok()) << made.message();
      const auto grammar = grammar_of(*made);
      ASSERT_TRUE(grammar.ok()) << grammar.message() << '\n' << made->gbnf;
      const BoundGrammar bound(*grammar, bytes());
      std::mt19937 random(7);
      int complete = 0;
      for (int round = 0; round < 60; ++round) {
        const std::string text = random_text(bound, random);
        if (text.empty()) continue;
        ++complete;
        expect_calls(format, text, calls);
      }
      EXPECT_GT(complete, 10);
    }
  }
}

TEST(ToolGrammar, ANamedToolIsTheOnlyOne) {
  const auto made = tool_grammar("hermes", {tools()[1]}, ToolChoice::required, ToolCalls::one);
  ASSERT_TRUE(made.ok());
  const auto grammar = grammar_of(*made);
  ASSERT_TRUE(grammar.ok()) << grammar.message();
  const BoundGrammar bound(*grammar, bytes());
  GrammarMatcher matcher(bound);
  EXPECT_EQ(matcher.forced(), "<tool_call>\n{\"name\": \"stop\", \"arguments\": {");
}

TEST(ToolGrammar, AutomaticChoiceHoldsFromTheTrigger) {
  for (const std::string& format : tool_format_names()) {
    const auto made = tool_grammar(format, tools(), ToolChoice::automatic, ToolCalls::parallel);
    ASSERT_TRUE(made.ok());
    if (made->trigger.empty()) continue;
    const auto grammar = grammar_of(*made);
    ASSERT_TRUE(grammar.ok()) << grammar.message();
    const BoundGrammar bound(*grammar, bytes());
    GrammarMatcher matcher(bound);
    EXPECT_TRUE(matcher.advance_bytes(made->trigger)) << format << ": " << made->trigger;
  }
}

TEST(ToolGrammar, WhatCannotBeForcedIsNamed) {
  EXPECT_FALSE(tool_grammar("hermes", {}, ToolChoice::required, ToolCalls::one).ok());
  EXPECT_FALSE(tool_grammar("morse", tools(), ToolChoice::required, ToolCalls::one).ok());
  const Json schema = {{"properties", {{"zip", {{"type", "string"}, {"pattern", "^[0-9]+$"}}}}}};
  const auto made = tool_grammar("qwen3_coder", {{"f", schema}}, ToolChoice::required, ToolCalls::one);
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.message().find("parameter 'zip': 'pattern'"), std::string::npos) << made.message();
  EXPECT_TRUE(tool_grammar("hermes", {{"f", schema}}, ToolChoice::required, ToolCalls::one).ok());
}

}  // namespace
}  // namespace hearth
