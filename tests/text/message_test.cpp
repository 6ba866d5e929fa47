// Messages: content, reasoning and calls of each format, the same however the text is cut, and nothing lost.
#include "text/message.h"

#include <gtest/gtest.h>

#include <set>

namespace hearth {
namespace {

struct Call {
  std::string name, arguments, id;
  bool operator==(const Call& other) const { return name == other.name && arguments == other.arguments; }
};
void PrintTo(const Call& call, std::ostream* out) { *out << call.name << call.arguments; }

struct Message {
  std::string content, reasoning;
  std::vector<Call> calls;
  bool is_cut = false;
  bool operator==(const Message&) const = default;
};
void PrintTo(const Message& message, std::ostream* out) {
  *out << "content '" << message.content << "' reasoning '" << message.reasoning << "' calls";
  for (const Call& call : message.calls) *out << ' ' << call.name << call.arguments;
  if (message.is_cut) *out << " (cut)";
}

void add_to(Message& message, const MessageDelta& delta) {
  message.content += delta.content;
  message.reasoning += delta.reasoning;
  for (const ToolCallDelta& piece : delta.tool_calls) {
    if (piece.index == static_cast<int>(message.calls.size())) {
      EXPECT_FALSE(piece.name.empty());
      EXPECT_FALSE(piece.id.empty());
      message.calls.push_back({piece.name, {}, piece.id});
    } else {
      EXPECT_TRUE(piece.name.empty() && piece.id.empty());
    }
    ASSERT_EQ(piece.index, static_cast<int>(message.calls.size()) - 1);
    message.calls.back().arguments += piece.arguments;
  }
}

std::vector<OfferedTool> tools() {
  const Json weather = Json::parse(R"({"type": "object", "properties": {"city": {"type": "string"},
      "days": {"type": "integer"}, "metric": {"type": "boolean"}, "tags": {"type": "array"}}, "required": ["city"]})");
  return {{"get_weather", weather}, {"get_weather_now", Json()}, {"add", Json()}};
}

MessageOptions options_of(const std::string& format) {
  MessageOptions options;
  options.tool_format = format;
  options.tools = tools();
  return options;
}

Message parsed(const MessageOptions& options, const std::vector<std::string_view>& pieces) {
  auto parser = MessageParser::make(options);
  Message message;
  if (!parser) {
    ADD_FAILURE() << parser.message();
    return message;
  }
  for (const std::string_view piece : pieces) add_to(message, parser->add(piece));
  add_to(message, parser->finish());
  message.is_cut = parser->has_cut_call();
  EXPECT_EQ(parser->has_tool_calls(), !message.calls.empty());
  return message;
}

// Parses the text whole, byte by byte, and cut in two everywhere: all must be the same.
Message parsed(const MessageOptions& options, std::string_view text) {
  const Message whole = parsed(options, std::vector<std::string_view>{text});
  std::vector<std::string_view> bytes;
  for (size_t at = 0; at < text.size(); ++at) bytes.push_back(text.substr(at, 1));
  EXPECT_EQ(parsed(options, bytes), whole) << "byte by byte: " << text;
  for (size_t at = 0; at <= text.size(); ++at)
    EXPECT_EQ(parsed(options, {text.substr(0, at), text.substr(at)}), whole) << "cut at " << at << ": " << text;
  return whole;
}

Message parsed(const std::string& format, std::string_view text) { return parsed(options_of(format), text); }

Message content(std::string text) { return {std::move(text), {}, {}}; }

const Call kParis{"get_weather", R"({"city": "Paris", "days": 2})", {}};
const Call kSum{"add", R"({"a": [1, -2.5e3], "b": "x\"}"})", {}};

struct FormatCase {
  const char* format;
  const char* text;  // calls kParis, then kSum where `both`
  bool both;
};

const FormatCase kCases[] = {
    {"hermes",
     "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}}\n</tool_call>\n"
     "<tool_call>{\"arguments\": {\"a\": [1, -2.5e3], \"b\": \"x\\\"}\"}, \"name\": \"add\"}</tool_call>",
     true},
    {"hermes",
     "<tool_call>{\"name\": \"get_weather\", \"arguments\": \"{\\\"city\\\": \\\"Paris\\\", \\\"days\\\": 2}\"}",
     false},
    {"hermes",
     "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"arguments\": {\"city\": "
     "\"Paris\", \"days\": 2}}, \"id\": 7}</tool_call>",
     false},
    {"llama3",
     "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\", \"days\": 2}}; {\"name\": \"add\", "
     "\"parameters\": {\"a\": [1, -2.5e3], \"b\": \"x\\\"}\"}}",
     true},
    {"llama3",
     "<|python_tag|>{\"type\": \"function\", \"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\", "
     "\"days\": 2}}",
     false},
    {"mistral",
     "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}, \"id\": "
     "\"abc123456\"}, "
     "{\"name\": \"add\", \"arguments\": {\"a\": [1, -2.5e3], \"b\": \"x\\\"}\"}}]",
     true},
    {"mistral_args",
     "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Paris\", \"days\": 2}[TOOL_CALLS]add[CALL_ID]abc123456[ARGS]"
     "{\"a\": [1, -2.5e3], \"b\": \"x\\\"}\"}",
     true},
    {"deepseek_v3",
     "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Paris\", "
     "\"days\": 2}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"a\": [1, "
     "-2.5e3], \"b\": \"x\\\"}\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     true},
    {"deepseek_v31",
     "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Paris\", \"days\": 2}"
     "<｜tool▁call▁end｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{\"a\": [1, -2.5e3], \"b\": \"x\\\"}\"}"
     "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     true},
    {"qwen3_coder",
     "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n2\n"
     "</parameter>\n</function>\n</tool_call>",
     false},
    {"qwen3_coder", "<function=get_weather><parameter=city>Paris</parameter><parameter=days>2</parameter></function>",
     false},
    {"glm",
     "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value><arg_key>days</arg_key>"
     "<arg_value>2</arg_value>\n</tool_call>",
     false},
    {"minimax",
     "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n<parameter "
     "name=\"days\">2</parameter>\n</invoke>\n</minimax:tool_call>",
     false},
    {"nemotron",
     "<TOOLCALL>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}}, {\"name\": \"add\", "
     "\"arguments\": {\"a\": [1, -2.5e3], \"b\": \"x\\\"}\"}}]</TOOLCALL>",
     true},
    {"gpt_oss",
     "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\": \"Paris\", \"days\": "
     "2}<|call|><|start|>assistant to=functions.add<|channel|>commentary <|constrain|>json<|message|>{\"a\": [1, "
     "-2.5e3], \"b\": \"x\\\"}\"}<|call|>",
     true},
    {"generic", "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}}", false},
    {"generic",
     "{\"tool_calls\": [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}}, {\"name\": "
     "\"add\", \"arguments\": {\"a\": [1, -2.5e3], \"b\": \"x\\\"}\"}}]}",
     true},
    {"generic", "```json\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}}\n```", false},
};

TEST(Message, EveryFormatsCallsAreReadHoweverTheTextIsCut) {
  std::set<std::string> seen;
  for (const FormatCase& one : kCases) {
    Message want;
    want.calls = {kParis};
    if (one.both) want.calls.push_back(kSum);
    EXPECT_EQ(parsed(one.format, one.text), want) << one.format << ": " << one.text;
    seen.insert(one.format);
  }
  for (const std::string& name : tool_format_names()) EXPECT_TRUE(seen.contains(name)) << name << " has no case";
}

TEST(Message, WithoutToolsCallsAreContent) {
  for (const FormatCase& one : kCases) {
    if (one.format == std::string("gpt_oss")) continue;
    MessageOptions options = options_of(one.format);
    options.tools.clear();
    EXPECT_EQ(parsed(options, one.text), content(one.text));
  }
}

TEST(Message, ACallOfAToolThatWasNotOfferedIsContentAsItWasWritten) {
  for (const FormatCase& one : kCases) {
    MessageOptions options = options_of(one.format);
    options.tools = {{"get_time", Json()}};
    const Message message = parsed(options, one.text);
    EXPECT_TRUE(message.calls.empty()) << one.text;
    if (one.format != std::string("gpt_oss"))
      EXPECT_EQ(message.content, one.text);
    else
      EXPECT_NE(message.content.find("to=functions.get_weather"), std::string::npos) << message.content;
  }
}

TEST(Message, ContentAroundCallsIsKeptAndWhiteSpaceThatTouchesThemIsNot) {
  const Message message =
      parsed("hermes", "Let me look: < 3.\n\n<tool_call>{\"name\":\"add\",\"arguments\":{}}</tool_call>\n Done. ");
  EXPECT_EQ(message.content, "Let me look: < 3.Done. ");
  EXPECT_EQ(message.calls, (std::vector<Call>{{"add", "{}", {}}}));
}

TEST(Message, WhatIsNoCallIsContent) {
  const std::pair<const char*, const char*> cases[] = {
      {"hermes", "a <tool_call> b"},
      {"hermes", "<tool_call>{\"name\": \"add\", \"arg"},
      {"hermes", "<tool_call>{\"name\": \"add\", \"arguments\": [1]}</tool_call>"},
      {"hermes", "<tool_call>{\"name\": \"nope\", \"arguments\": {}}</tool_call>"},
      {"hermes", "<tool_"},
      {"hermes", "  <tool_call>  "},
      {"hermes", "\n\nplain \n"},
      {"llama3", "{\"name\": \"Bob\", \"age\": 3}"},
      {"llama3", "I say {\"name\": \"add\", \"parameters\": {}}"},
      {"generic", "{\"answer\": 42}"},
      {"generic", "{\"tool_calls\": []}"},
      {"generic", "[1, 2]"},
      {"mistral", "[TOOL_CALLS][]"},
      {"mistral", "[TOOL_CALLS] none"},
      {"mistral_args", "[TOOL_CALLS]add[ARGS]"},
      {"deepseek_v3", "<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>"},
      {"deepseek_v31", "<｜tool▁calls▁begin｜>hm <｠"},
      {"qwen3_coder", "<tool_call>\n<function=add>\n"},
      {"qwen3_coder", "<function=nope></function>"},
      {"gpt_oss", "<|channel|>commentary to=functions.nope <|message|>{}"},
  };
  for (const auto& [format, text] : cases) EXPECT_EQ(parsed(format, text), content(text)) << format;
}

TEST(Message, ACallThatBreaksOffIsMarkedAndWhatFollowsIsContent) {
  const std::string told = "<tool_call>{\"name\": \"add\", \"arguments\": ";
  Message want{"", "", {{"add", "{\"a\": [1, ", {}}}, true};
  EXPECT_EQ(parsed("hermes", told + "{\"a\": [1, "), want);
  want.content = "oops</tool_call>";
  EXPECT_EQ(parsed("hermes", told + "{\"a\": [1, oops</tool_call>"), want);
  MessageOptions whole = options_of("hermes");
  whole.streaming = ToolStreaming::whole_calls;
  EXPECT_EQ(parsed(whole, told + "{\"a\": [1, "), content(told + "{\"a\": [1, "));
  EXPECT_EQ(parsed(whole, told + "{\"a\": [1, oops</tool_call>"), content(told + "{\"a\": [1, oops</tool_call>"));
  EXPECT_EQ(parsed(whole, told + "{}}</tool_call>"), (Message{"", "", {{"add", "{}", {}}}}));
  EXPECT_EQ(parsed("qwen3_coder", "<function=get_weather><parameter=city>Par"),
            (Message{"", "", {{"get_weather", "{\"city\": \"Par", {}}}, true}));
}

TEST(Message, ArgumentsAreToldAsTheyComeAndNamesBeforeThem) {
  auto parser = MessageParser::make(options_of("hermes"));
  ASSERT_TRUE(parser.ok());
  EXPECT_TRUE(parser->add("<tool_call>{\"name\": \"add\", \"arguments\": ").is_empty());
  MessageDelta delta = parser->add("{\"a\"");
  ASSERT_EQ(delta.tool_calls.size(), 1u);
  EXPECT_EQ(delta.tool_calls[0].name, "add");
  EXPECT_EQ(delta.tool_calls[0].arguments, "{\"a\"");
  delta = parser->add(": 1");
  ASSERT_EQ(delta.tool_calls.size(), 1u);
  EXPECT_EQ(delta.tool_calls[0].name, "");
  EXPECT_EQ(delta.tool_calls[0].arguments, ": 1");
  EXPECT_EQ(parser->add("}}</tool_call>").tool_calls.at(0).arguments, "}");
  EXPECT_EQ(parser->add("so").content, "so");
  EXPECT_EQ(parser->add(" on").content, " on");
}

TEST(Message, ParametersInTagsBecomeJsonByTheirSchema) {
  const Message message = parsed(
      "qwen3_coder",
      "<tool_call>\n<function=get_weather>\n<parameter=city>\n12\n\"é\" </param\n\n</parameter>\n<parameter=days>\n "
      "3\n</parameter>\n"
      "<parameter=metric>\nTrue\n</parameter>\n<parameter=tags>\n[\"a\", 1]\n</parameter>\n<parameter=odd>\nno json\n"
      "</parameter>\n</function>\n</tool_call>");
  ASSERT_EQ(message.calls.size(), 1u);
  const Json want = {
      {"city", "12\n\"é\" </param\n"}, {"days", 3}, {"metric", true}, {"tags", {"a", 1}}, {"odd", "no json"}};
  EXPECT_EQ(Json::parse(message.calls[0].arguments), want);
}

TEST(Message, RawLineBreaksInStringsAreEscaped) {
  const Message message =
      parsed("hermes", "<tool_call>{\"name\": \"add\", \"arguments\": {\"code\":\n\"a\n\tb\"}}</tool_call>");
  ASSERT_EQ(message.calls.size(), 1u);
  EXPECT_EQ(message.calls[0].arguments, "{\"code\":\n\"a\\n\\tb\"}");
}

TEST(Message, ReasoningIsSplitOut) {
  const std::string text = "\n<think>\nhm <tool_call> </thin\n</think>\n\nSo: 4 <think>";
  EXPECT_EQ(parsed("hermes", text), (Message{"So: 4 <think>", "hm <tool_call> </thin", {}}));
  EXPECT_EQ(parsed("llama3", "<think>x</think>{\"name\": \"add\", \"parameters\": {}}"),
            (Message{"", "x", {{"add", "{}", {}}}}));
  EXPECT_EQ(parsed("mistral", "[THINK]a[/THINK]b"), (Message{"b", "a", {}}));
  EXPECT_EQ(parsed("hermes", "<think>no end \n"), (Message{"", "no end \n", {}}));
  MessageOptions options = options_of("hermes");
  options.reasoning_start = ReasoningStart::by_prompt;
  EXPECT_EQ(parsed(options, "\nhm\n</think>\n\nyes"), (Message{"yes", "hm", {}}));
  options.reasoning = ReasoningSplit::off;
  EXPECT_EQ(parsed(options, "<think>\nhm\n</think>\n\nyes"), content("<think>\nhm\n</think>\n\nyes"));
  EXPECT_TRUE(prompt_opens_reasoning("<|im_start|>assistant\n<think>\n"));
  EXPECT_FALSE(prompt_opens_reasoning("<think>\n\n</think>\n\n"));
}

TEST(Message, ChannelsAreReasoningContentAndCalls) {
  const std::string text =
      "<|channel|>analysis<|message|>User wants < 3.<|end|><|start|>assistant<|channel|>commentary<|message|>I look."
      "<|end|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json<|message|>{\"a\":1}<|call|>";
  EXPECT_EQ(parsed("gpt_oss", text), (Message{"I look.", "User wants < 3.", {{"add", "{\"a\":1}", {}}}}));
  EXPECT_EQ(parsed("gpt_oss",
                   "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>"),
            (Message{"4", "hm", {}}));
  MessageOptions options = options_of("gpt_oss");
  options.reasoning_start = ReasoningStart::by_prompt;
  EXPECT_EQ(parsed(options, "hm<|end|><|start|>assistant<|channel|>final<|message|>4"), (Message{"4", "hm", {}}));
}

TEST(Message, OneCallOnlyWhereOneIsWanted) {
  MessageOptions options = options_of("hermes");
  options.calls = ToolCalls::one;
  const std::string one = "<tool_call>{\"name\": \"add\", \"arguments\": {}}</tool_call>";
  EXPECT_EQ(parsed(options, one + one), (Message{one, "", {{"add", "{}", {}}}}));
  auto parser = MessageParser::make(options);
  ASSERT_TRUE(parser.ok());
  (void)parser->add(one.substr(0, 41));
  EXPECT_FALSE(parser->is_settled());
  (void)parser->add(one.substr(41));
  EXPECT_TRUE(parser->is_settled());
}

TEST(Message, IdsAreUniqueAndComeFromTheSeed) {
  const char* text = "{\"name\": \"add\", \"parameters\": {}};{\"name\": \"add\", \"parameters\": {}}";
  MessageOptions options = options_of("llama3");
  std::set<std::string> ids;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    options.seed = seed;
    const auto first = parsed(options, std::vector<std::string_view>{text});
    const auto again = parsed(options, std::vector<std::string_view>{text});
    ASSERT_EQ(first.calls.size(), 2u);
    EXPECT_EQ(first.calls[1].id, again.calls[1].id);
    EXPECT_EQ(first.calls[0].id.size(), 29u);
    EXPECT_TRUE(first.calls[0].id.starts_with("call_"));
    for (const Call& call : first.calls) ids.insert(call.id);
  }
  EXPECT_EQ(ids.size(), 100u);
  const auto mistral = parsed("mistral", "[TOOL_CALLS]add[ARGS]{}");
  ASSERT_EQ(mistral.calls.size(), 1u);
  EXPECT_EQ(mistral.calls[0].id.size(), 9u);  // what its template asks for
}

TEST(Message, WholeCharactersInGiveWholeCharactersOut) {
  for (const char* format : {"hermes", "qwen3_coder", "deepseek_v3", "gpt_oss"}) {
    const std::string text = "é <｠ 😀<tool_call><function=get_weather><parameter=city>é\n<😀</parameter></function>";
    auto parser = MessageParser::make(options_of(format));
    ASSERT_TRUE(parser.ok());
    for (size_t at = 0; at < text.size();) {
      size_t size = 1;
      while (at + size < text.size() && (text[at + size] & 0xC0) == 0x80) ++size;
      const MessageDelta delta = parser->add(std::string_view(text).substr(at, size));
      EXPECT_TRUE(Json::accept(Json(delta.content).dump(-1, ' ', false, Json::error_handler_t::ignore)));
      EXPECT_EQ(Json(delta.content).dump(-1, ' ', false, Json::error_handler_t::replace).find("\xEF\xBF\xBD"),
                std::string::npos);
      for (const ToolCallDelta& call : delta.tool_calls)
        EXPECT_EQ(Json(call.arguments).dump(-1, ' ', false, Json::error_handler_t::replace).find("\xEF\xBF\xBD"),
                  std::string::npos);
      at += size;
    }
  }
}

TEST(Message, LongTextsTakeLinearTime) {
  for (const std::string& format : tool_format_names()) {
    for (const char* unit :
         {" ", "<", "<tool_call>", "<tool_call>{\"arguments\":\"", "[TOOL_CALLS][", "{", "a", "<|channel|>a"}) {
      std::string text;
      while (text.size() < 200000) text += unit;
      auto parser = MessageParser::make(options_of(format));
      ASSERT_TRUE(parser.ok());
      size_t bytes = 0;
      for (size_t at = 0; at < text.size(); at += 5)
        bytes += parser->add(std::string_view(text).substr(at, 5)).content.size();
      bytes += parser->finish().content.size();
      EXPECT_EQ(bytes, text.size()) << format << ' ' << unit;
    }
  }
}

TEST(Message, UnknownFormatsAreNamed) {
  MessageOptions options;
  options.tool_format = "morse";
  const auto parser = MessageParser::make(options);
  ASSERT_FALSE(parser.ok());
  EXPECT_NE(parser.message().find("got 'morse', want one of"), std::string::npos) << parser.message();
}

TEST(Message, ToolsAreReadOrRefusedInOneLine) {
  const auto read =
      read_tools(Json::parse(R"([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
                                               {"name": "g"}])"));
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->at(0).name, "f");
  EXPECT_EQ(read->at(1).parameters, Json());
  EXPECT_FALSE(read_tools(Json::parse(R"([{"name": "a b"}])")).ok());
  EXPECT_FALSE(read_tools(Json::parse(R"([{"function": {}}])")).ok());
  EXPECT_FALSE(read_tools(Json::parse("{}")).ok());
}

}  // namespace
}  // namespace hearth
