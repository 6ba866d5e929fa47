// The readers of bodies: wrong, unknown and missing fields are named; what is right arrives.
#include <gtest/gtest.h>

#include "server/chat_call.h"
#include "server/messages_fields.h"
#include "server/prompt_fields.h"
#include "server/responses_fields.h"

namespace hearth {
namespace {

OrderedJson json(const std::string& text) {
  auto parsed = parse_ordered_json(text, "test");
  EXPECT_TRUE(parsed.ok()) << text;
  return *parsed;
}

struct Wrong {
  const char* body;
  const char* param;  // of the error
};

TEST(Fields, name_what_is_wrong_unknown_or_missing) {
  const OrderedJson body = json(R"({"a": "x", "n": 5, "deep": {"z": 1}, "list": [1], "nothing": null})");
  {
    Fields fields(body);
    EXPECT_EQ(fields.text("a"), "x");
    EXPECT_EQ(fields.integer("n", 1, {0, 9}), 5);
    EXPECT_EQ(fields.text("nothing", "fallback"), "fallback");
    EXPECT_FALSE(fields.has("nothing"));
    fields.ignore({"deep"});
    const auto unknown = fields.done();
    ASSERT_TRUE(unknown);
    EXPECT_EQ(unknown->param, "list");
    EXPECT_EQ(unknown->code, "unknown_parameter");
    EXPECT_NE(unknown->message.find("known here: a, deep, n, nothing"), std::string::npos) << unknown->message;
  }
  {
    Fields fields(body, "outer");
    fields.integer("n", 1, {6, 9});
    fields.text("list");  // the first failure counts
    const auto wrong = fields.done();
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->message, "'outer.n': is 5, want 6 to 9");
  }
  {
    Fields fields(body);
    fields.need_text("missing");
    EXPECT_EQ(fields.done()->param, "missing");
  }
  Fields not_an_object(body["list"], "where");
  EXPECT_EQ(not_an_object.text("a"), "");
  EXPECT_EQ(not_an_object.done()->param, "where");
}

TEST(Fields, take_numbers_in_their_ranges_alone) {
  const OrderedJson body = json(R"({"huge": 18446744073709551615, "float": 1.5, "text": "1", "many": [1, "a"]})");
  const auto failure = [&](auto read) {
    Fields fields(body);
    read(fields);
    return fields.failed();
  };
  EXPECT_TRUE(failure([](Fields& f) { f.integer("huge", 0, {-9e18, 9e18}); }));
  EXPECT_TRUE(failure([](Fields& f) { f.integer("float", 0, {0, 9}); }));
  EXPECT_TRUE(failure([](Fields& f) { f.number("text", 0, {0, 9}); }));
  EXPECT_TRUE(failure([](Fields& f) { f.number("float", 0, {2, 9}); }));
  EXPECT_TRUE(failure([](Fields& f) { f.flag("text", false); }));
  EXPECT_TRUE(failure([](Fields& f) { f.texts("many"); }));
  EXPECT_TRUE(failure([](Fields& f) { f.one_of("text", "", {"2", "3"}); }));
  EXPECT_FALSE(failure([](Fields& f) { f.number("float", 0, {0, 9}); }));
}

TEST(Fields, a_long_value_is_cut_in_the_message) {
  const OrderedJson body = {{"x", std::string(5000, 'y')}};
  Fields fields(body);
  fields.flag("x", false);
  EXPECT_LT(fields.done()->message.size(), 200u);
}

TEST(ChatFields, messages_become_what_templates_take) {
  const OrderedJson body = json(R"({"messages": [
    {"role": "developer", "content": "be kind"},
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "assistant", "content": null, "tool_calls": [
      {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "out"}]})");
  Fields fields(body);
  const OrderedJson messages = read_messages(fields);
  EXPECT_FALSE(fields.done());
  EXPECT_EQ(messages[0]["role"], "system");
  EXPECT_EQ(messages[1]["content"], "ab");
  EXPECT_EQ(messages[2]["tool_calls"][0]["function"]["arguments"]["x"], 1);
  EXPECT_EQ(messages[3]["tool_call_id"], "1");
}

TEST(ChatFields, wrong_messages_are_named) {
  const Wrong wrongs[] = {
      {R"({})", "messages"},
      {R"({"messages": []})", "messages"},
      {R"({"messages": "hi"})", "messages"},
      {R"({"messages": [1]})", "messages[0]"},
      {R"({"messages": [{"content": "x"}]})", "messages[0].role"},
      {R"({"messages": [{"role": "king", "content": "x"}]})", "messages[0].role"},
      {R"({"messages": [{"role": "user"}]})", "messages[0].content"},
      {R"({"messages": [{"role": "user", "content": "x", "color": 1}]})", "messages[0].color"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]})",
       "messages[0].content[0].type"},
      {R"({"messages": [{"role": "user", "content": [{"type": "text"}]}]})", "messages[0].content[0].text"},
      {R"({"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]})", "messages[0].tool_calls[0].function"},
      {R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]}]})",
       "messages[0].tool_calls[0].function.name"},
  };
  for (const Wrong& wrong : wrongs) {
    const OrderedJson body = json(wrong.body);
    Fields fields(body);
    read_messages(fields);
    const auto failure = fields.done();
    ASSERT_TRUE(failure) << wrong.body;
    EXPECT_EQ(failure->param, wrong.param) << failure->message;
    EXPECT_EQ(failure->status, 400);
  }
}

TEST(ChatFields, sampling_grammars_and_tools) {
  const OrderedJson body = json(R"({"temperature": 0.5, "top_k": -1, "seed": -3, "logit_bias": {"5": 2},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": {"type": "function", "function": {"name": "f"}}})");
  Fields fields(body);
  const SamplingAsked sampling = read_sampling(fields);
  const GrammarAsked grammar = read_grammar(fields);
  ChatCall call;
  read_tool_fields(fields, call);
  const auto failure = fields.done();
  EXPECT_FALSE(failure) << failure->message;
  EXPECT_EQ(sampling.temperature, 0.5);
  EXPECT_EQ(sampling.top_k, 0);
  EXPECT_EQ(sampling.seed, -3);
  EXPECT_EQ(sampling.logit_bias.at(5), 2);
  EXPECT_FALSE(sampling.top_p);
  EXPECT_EQ(grammar.kind, GrammarKind::json_schema);
  EXPECT_EQ(grammar.text, R"({"type":"object"})");
  EXPECT_EQ(call.tool_name, "f");
  EXPECT_EQ(call.tool_use, ToolUse::required);
}

TEST(ChatFields, wrong_sampling_grammars_and_tools_are_named) {
  const Wrong wrongs[] = {
      {R"({"temperature": -1})", "temperature"},
      {R"({"top_p": 1.5})", "top_p"},
      {R"({"seed": 1.5})", "seed"},
      {R"({"logit_bias": {"x": 1}})", "logit_bias"},
      {R"({"logit_bias": {"1": 101}})", "logit_bias"},
      {R"({"response_format": {"type": "xml"}})", "response_format.type"},
      {R"({"response_format": {"type": "json_schema"}})", "response_format.json_schema"},
      {R"({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}})",
       "response_format.json_schema.name"},
      {R"({"regex": "a", "grammar": "root ::= \"a\""})", "regex"},
      {R"({"tool_choice": "required"})", "tool_choice"},
      {R"({"tool_choice": "perhaps"})", "tool_choice"},
      {R"({"tools": [], "tool_choice": {"type": "function"}})", "tool_choice.function"},
  };
  for (const Wrong& wrong : wrongs) {
    const OrderedJson body = json(wrong.body);
    Fields fields(body);
    read_sampling(fields);
    read_grammar(fields);
    ChatCall call;
    read_tool_fields(fields, call);
    const auto failure = fields.done();
    ASSERT_TRUE(failure) << wrong.body;
    EXPECT_EQ(failure->param, wrong.param) << failure->message;
  }
}

TEST(MessagesFields, blocks_become_messages) {
  auto read = read_messages_body(json(R"({"model": "m", "max_tokens": 5, "system": [{"type": "text", "text": "s"}],
    "messages": [{"role": "user", "content": "hi"},
      {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": ""}, {"type": "text", "text": "x"},
        {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "r"}]}]}],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"},
    "stop_sequences": ["z"], "thinking": {"type": "enabled", "budget_tokens": 9}})"),
                                MaxTokens::needed);
  ASSERT_TRUE(read.ok()) << read.failure().message;
  const ChatCall& call = read->call;
  ASSERT_EQ(call.messages.size(), 4u);
  EXPECT_EQ(call.messages[0]["content"], "s");
  EXPECT_EQ(call.messages[2]["reasoning_content"], "t");
  EXPECT_EQ(call.messages[2]["tool_calls"][0]["function"]["arguments"]["a"], 1);
  EXPECT_EQ(call.messages[3], json(R"({"role": "tool", "tool_call_id": "1", "content": "r"})"));
  EXPECT_EQ(call.tools[0]["function"]["name"], "f");
  EXPECT_EQ(call.tool_use, ToolUse::required);
  EXPECT_EQ(call.request.stop, std::vector<std::string>{"z"});
  EXPECT_EQ(call.template_values["enable_thinking"], true);
}

TEST(MessagesFields, wrong_fields_are_named) {
  const std::string hi = R"("messages": [{"role": "user", "content": "hi"}])";
  const std::pair<std::string, const char*> wrongs[] = {
      {"{" + hi + "}", "max_tokens"},
      {R"({"max_tokens": 0, )" + hi + "}", "max_tokens"},
      {R"({"max_tokens": 1})", "messages"},
      {R"({"max_tokens": 1, "temperature": 2, )" + hi + "}", "temperature"},
      {R"({"max_tokens": 1, "n": 2, )" + hi + "}", "n"},
      {R"({"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "image"}]}]})",
       "messages[0].content[0].type"},
      {R"({"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "tool_result"}]}]})",
       "messages[0].content[0].tool_use_id"},
      {R"({"max_tokens": 1, "messages": [{"role": "user"}]})", "messages[0].content"},
      {R"({"max_tokens": 1, "tool_choice": {"type": "any"}, )" + hi + "}", "tool_choice.type"},
      {R"({"max_tokens": 1, "tool_choice": {"type": "tool"}, "tools": [{"name": "f"}], )" + hi + "}", "tool_choice.name"},
      {R"({"max_tokens": 1, "output_config": {"format": {"type": "json_schema"}}, )" + hi + "}",
       "output_config.format.schema"},
  };
  for (const auto& [body, param] : wrongs) {
    auto read = read_messages_body(json(body), MaxTokens::needed);
    ASSERT_FALSE(read.ok()) << body;
    EXPECT_EQ(read.failure().param, param) << read.failure().message;
  }
  EXPECT_TRUE(read_messages_body(json("{" + hi + "}"), MaxTokens::optional).ok());
}

TEST(ResponsesFields, items_become_messages_and_conversations_go_on) {
  ResponseStore store;
  store.add("resp_1", {json("{}"), json(R"([{"role": "user", "content": "before"}, {"role": "assistant", "content": "yes"}])")});
  auto read = read_responses_body(json(R"({"previous_response_id": "resp_1", "instructions": "short",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "go"}]},
      {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a\":1}"},
      {"type": "function_call_output", "call_id": "c", "output": "done"}],
    "text": {"format": {"type": "json_object"}}, "store": false})"),
                                 store);
  ASSERT_TRUE(read.ok()) << read.failure().message;
  const OrderedJson& messages = read->call.messages;
  ASSERT_EQ(messages.size(), 6u);
  EXPECT_EQ(messages[0]["content"], "short");
  EXPECT_EQ(messages[1]["content"], "before");
  EXPECT_EQ(messages[4]["tool_calls"][0]["id"], "c");
  EXPECT_EQ(messages[5]["role"], "tool");
  EXPECT_EQ(read->call.grammar.kind, GrammarKind::json_object);
  EXPECT_EQ(read->keep, Keep::no);
  EXPECT_EQ(read->instructions, 1u);
  EXPECT_EQ(read->echo["instructions"], "short");
}

TEST(ResponsesFields, wrong_fields_are_named) {
  const Wrong wrongs[] = {
      {R"({})", "input"},
      {R"({"input": []})", "input"},
      {R"({"input": [{"type": "computer_call"}]})", "input[0].type"},
      {R"({"input": [{"type": "function_call", "name": "f"}]})", "input[0].call_id"},
      {R"({"input": "x", "previous_response_id": "resp_9"})", "previous_response_id"},
      {R"({"input": "x", "background": true})", "background"},
      {R"({"input": "x", "truncation": "auto"})", "truncation"},
      {R"({"input": "x", "tools": [{"type": "web_search"}]})", "tools[0].type"},
      {R"({"input": "x", "text": {"format": {"type": "json_schema", "name": "n"}}})", "text.format.schema"},
      {R"({"input": "x", "max_tokens": 5})", "max_tokens"},
  };
  const ResponseStore store;
  for (const Wrong& wrong : wrongs) {
    auto read = read_responses_body(json(wrong.body), store);
    ASSERT_FALSE(read.ok()) << wrong.body;
    EXPECT_EQ(read.failure().param, wrong.param) << read.failure().message;
  }
}

TEST(PromptFields, texts_ids_and_lists_of_either) {
  const auto count = [](const char* text) {
    const OrderedJson body = json(text);
    Fields fields(body);
    const auto prompts = read_prompts(fields, "p", 3);
    return fields.failed() ? -1 : static_cast<int>(prompts.size());
  };
  EXPECT_EQ(count(R"({"p": "text"})"), 1);
  EXPECT_EQ(count(R"({"p": [1, 2, 3, 4, 5]})"), 1);
  EXPECT_EQ(count(R"({"p": ["a", "b"]})"), 2);
  EXPECT_EQ(count(R"({"p": [[1], [2], [3]]})"), 3);
  EXPECT_EQ(count(R"({"p": [[1], "b"]})"), 2);
  for (const char* wrong : {R"({})", R"({"p": []})", R"({"p": {}})", R"({"p": 5})", R"({"p": [[]]})", R"({"p": [1, "a"]})",
                            R"({"p": [-1]})", R"({"p": [1.5]})", R"({"p": [99999999999]})", R"({"p": ["a", "b", "c", "d"]})"})
    EXPECT_EQ(count(wrong), -1) << wrong;
}

TEST(ResponseStore, the_oldest_go_when_it_is_full) {
  ResponseStore store(300);
  const auto response = [](char c) { return StoredResponse{json(R"({"x": ")" + std::string(80, c) + "\"}"), json("[]")}; };
  for (char c = 'a'; c < 'f'; ++c) store.add(std::string(1, c), response(c));
  EXPECT_FALSE(store.find("a"));
  EXPECT_FALSE(store.find("b"));
  ASSERT_TRUE(store.find("e"));
  EXPECT_EQ(store.find("e")->body["x"], std::string(80, 'e'));
  EXPECT_TRUE(store.remove("e"));
  EXPECT_FALSE(store.remove("e"));
  EXPECT_FALSE(store.find("e"));
  EXPECT_TRUE(store.find("d"));
}

}  // namespace
}  // namespace hearth
