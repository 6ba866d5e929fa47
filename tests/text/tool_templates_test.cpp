// Templates and tool formats: a call that a template writes is found to be of its format and read back as it was.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "text/message.h"
#include "text/template.h"

namespace hearth {
namespace {

std::string real_folder() {
  const char* folder = std::getenv("HEARTH_REAL_FIXTURES");
  return std::string(folder ? folder : HEARTH_ROOT "/../shared/fixtures/real") + "/templates/";
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The formats of the real templates that write calls in one of ours.
const std::map<std::string, std::string> kFormats = {
    {"Bielik-11B-v3.0-Instruct", "hermes"},
    {"GLM-4.7-Flash", "glm"},
    {"MiMo-VL", "hermes"},
    {"MiniMax-M2", "minimax"},
    {"Mistral-Small-3.2-24B-Instruct-2506", "mistral_args"},
    {"NVIDIA-Nemotron-Nano-v2", "nemotron"},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes"},
    {"Qwen-Qwen2.5-7B-Instruct", "hermes"},
    {"Qwen-Qwen3-0.6B", "hermes"},
    {"Qwen3-Coder", "qwen3_coder"},
    {"Reka-Edge", "hermes"},
    {"deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek_v3"},
    {"deepseek-ai-DeepSeek-V3.1", "deepseek_v31"},
    {"ibm-granite-granite-4.1", "hermes"},
    {"meta-llama-Llama-3.1-8B-Instruct", "llama3"},
    {"meta-llama-Llama-3.2-3B-Instruct", "llama3"},
    {"mistralai-Mistral-Nemo-Instruct-2407", "mistral"},
    {"unsloth-mistral-Devstral-Small-2507", "mistral_args"},
};

OrderedJson call_of(const std::string& name, const OrderedJson& arguments, bool as_text) {
  const OrderedJson shown = as_text ? OrderedJson(arguments.dump()) : arguments;
  return {{"id", "abc123456"}, {"type", "function"}, {"function", {{"name", name}, {"arguments", shown}}}};
}

struct Sent {
  std::string name;
  OrderedJson arguments;
};

// The assistant's turn as the template writes it, up to its end.
Result<std::string> turn_of(const Template& parsed, const std::vector<Sent>& calls, const OrderedJson& content,
                            bool as_text) {
  OrderedJson user = {{"role", "user"}, {"content", "the-user-asks"}};
  OrderedJson assistant = {{"role", "assistant"}, {"content", content}, {"tool_calls", OrderedJson::array()}};
  for (const Sent& call : calls) assistant["tool_calls"].push_back(call_of(call.name, call.arguments, as_text));
  OrderedJson values = {{"add_generation_prompt", false}, {"bos_token", ""}, {"eos_token", "<EOS>"}};
  const OrderedJson schema = {{"type", "object"}, {"properties", {{"city", {{"type", "string"}}}}}};
  const OrderedJson function = {{"name", "book"}, {"description", "Books."}, {"parameters", schema}};
  values["tools"] = OrderedJson::array({{{"type", "function"}, {"function", function}}});
  values["messages"] = OrderedJson::array({user, assistant});
  TRY(std::string text, parsed.render(values, 0));
  const size_t begin = text.find("the-user-asks");
  if (begin == std::string::npos) return error("the user is not there");
  text = text.substr(begin);
  if (text.find(calls[0].name) == std::string::npos) return error("the call is not there");
  for (const char* end : {"<EOS>", "<|im_end|>\n", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>\n", "<|end_of_text|>",
                          "<｜end▁of▁sentence｜>", "\n\n<sep>", "<|message_sep|>\n\n", "[e~[\n"})
    if (const std::string_view tail = end; text.ends_with(tail)) text.resize(text.size() - tail.size());
  return text;
}

void expect_read_back(const std::string& format, std::string text, const std::vector<Sent>& sent) {
  // Where the turn begins depends on the template: after the last header before the first call.
  for (const char* header : {"assistant\n", "Assistant: ", "assistant: ", "<|end_header_id|>\n\n", "<｜Assistant｜>",
                             "[/INST]", "<|end_of_role|>", "<|assistant|>", "]~b]ai\n", "Assistant\n"})
    if (const size_t at = text.find(header); at != std::string::npos)
      text = text.substr(at + std::string_view(header).size());
  MessageOptions options;
  options.tool_format = format;
  const Json parameters = {{"type", "object"},
                           {"properties", {{"city", {{"type", "string"}}}, {"zip", {{"type", "string"}}}}}};
  options.tools = {{"get_weather", parameters}, {"book", parameters}};
  auto parser = MessageParser::make(options);
  ASSERT_TRUE(parser.ok()) << parser.message();
  std::vector<Sent> read;
  std::vector<std::string> arguments;
  const auto take = [&](const MessageDelta& delta) {
    for (const ToolCallDelta& piece : delta.tool_calls) {
      if (!piece.name.empty()) {
        read.push_back({piece.name, {}});
        arguments.emplace_back();
      }
      arguments.back() += piece.arguments;
    }
  };
  for (const char byte : text) take(parser->add(std::string_view(&byte, 1)));
  take(parser->finish());
  EXPECT_FALSE(parser->has_cut_call()) << text;
  ASSERT_EQ(read.size(), sent.size()) << text;
  for (size_t index = 0; index < sent.size(); ++index) {
    EXPECT_EQ(read[index].name, sent[index].name) << text;
    const auto json = parse_json(arguments[index], "arguments");
    ASSERT_TRUE(json.ok()) << arguments[index];
    EXPECT_EQ(*json, Json::parse(sent[index].arguments.dump())) << text;
  }
}

const std::vector<Sent> kOne = {{"get_weather", {{"city", "Paris"}, {"days", 2}}}};
const std::vector<Sent> kTwo = {
    {"get_weather",
     {{"city", "Köln \"Dom\"\nline </x> {1}"}, {"zip", "50667"}, {"near", {{"lat", 50.9}, {"tags", {"a", nullptr}}}}}},
    {"book", {{"city", ""}, {"seats", 3}, {"fast", true}}},
};

TEST(ToolTemplates, RealTemplatesAreOfTheirFormat) {
  if (!std::filesystem::exists(real_folder())) GTEST_SKIP() << "no real templates at " << real_folder();
  for (const auto& [name, format] : kFormats)
    EXPECT_EQ(detect_tool_format(text_of(real_folder() + name + ".jinja")), format) << name;
}

TEST(ToolTemplates, CallsThatRealTemplatesWriteAreReadBack) {
  if (!std::filesystem::exists(real_folder())) GTEST_SKIP() << "no real templates at " << real_folder();
  for (const auto& [name, format] : kFormats) {
    SCOPED_TRACE(name);
    const auto parsed = Template::parse(text_of(real_folder() + name + ".jinja"), GenerationTag::prints_body);
    ASSERT_TRUE(parsed.ok()) << parsed.message();
    int read = 0;
    for (const auto& sent : {kOne, kTwo}) {
      for (const OrderedJson& content : {OrderedJson(""), OrderedJson(nullptr)}) {
        for (const bool as_text : {false, true}) {
          // What the format's own template would print twice over is no call of ours: JSON text of JSON text.
          if (as_text && !name.starts_with("deepseek-ai-DeepSeek-R1")) continue;
          const auto turn = turn_of(*parsed, sent, content, as_text);
          if (!turn) continue;  // the template refuses several calls, or such content
          expect_read_back(format, *turn, sent);
          ++read;
        }
      }
    }
    EXPECT_GT(read, 0);
  }
}

// What transformers rendered for a round of a tool call, where its template writes a format of ours.
TEST(ToolTemplates, CallsInRenderedConversationsAreReadBack) {
  const std::string path = real_folder() + "rendered.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  int seen = 0;
  for (const Json& row : Json::parse(text_of(path))) {
    const std::string name = row["template"].get<std::string>();
    const auto format = kFormats.find(name.substr(0, name.size() - 6));
    if (row["name"] != "tool_round" || !row.contains("rendered") || format == kFormats.end()) continue;
    std::string text = row["rendered"].get<std::string>();
    text = text.substr(text.rfind("Weather in Paris?"));
    if (text.find("get_weather") == std::string::npos) continue;  // the template drops calls with content ""
    SCOPED_TRACE(name);
    text.resize(std::min({text.size(), text.find("tool_response"), text.find("[TOOL_RESULTS]"), text.find("ipython")}));
    for (const char* end :
         {"</s>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "\n\n<sep>"})
      if (const size_t at = text.find(end, text.find("get_weather")); at != std::string::npos) text.resize(at);
    expect_read_back(format->second, text, kOne);
    ++seen;
  }
  EXPECT_GE(seen, 20);
}

TEST(ToolTemplates, WhatATemplateRendersTellsMoreThanItsSource) {
  // It speaks of <tool_call> to the model's user, and writes something else.
  const char* source =
      "{# <tool_call> #}{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
      "[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}";
  EXPECT_EQ(detect_tool_format(source), "mistral_args");
  EXPECT_EQ(detect_tool_format("{{ messages[0].content }}"), "generic");
  EXPECT_EQ(detect_tool_format("{% broken <tool_call>"), "hermes");
  EXPECT_EQ(detect_tool_format(""), "generic");
}

TEST(ToolTemplates, MarkersOfAFormatAreThoseOfReasoningToo) {
  const auto markers = markers_of("mistral_args");
  for (const char* marker : {"[TOOL_CALLS]", "[ARGS]", "[THINK]", "[/THINK]"})
    EXPECT_NE(std::find(markers.begin(), markers.end(), marker), markers.end()) << marker;
  EXPECT_TRUE(markers_of("morse").empty());
}

}  // namespace
}  // namespace hearth
