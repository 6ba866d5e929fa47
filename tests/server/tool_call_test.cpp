// Tools offered with choice "auto": anything goes until a call begins, and then it parses and validates, whatever the
// model wants.
#include "base/json.h"
#include "tests/server/fake_server.h"

namespace hearth {
namespace {

Artifact with_template(const std::string& text) {
  auto tokenizer = read_file(HEARTH_ROOT "/models/ember/tokenizer.json");
  EXPECT_TRUE(tokenizer.ok());
  const std::string path = temporary("tool-call");
  const std::vector<std::pair<std::string, std::string>> texts = {{"tokenizer.json", *tokenizer},
                                                                  {"chat_template", text}};
  std::vector<TensorSlot> slots = {{"code/fake", 64}};
  for (const auto& [name, value] : texts) slots.push_back({name, value.size()});
  {
    auto writer = ArtifactWriter::create(path, fake_interface(), slots);
    EXPECT_TRUE(writer.ok()) << writer.message();
    for (const auto& [name, value] : texts) std::memcpy(writer->tensor(name).data(), value.data(), value.size());
    EXPECT_TRUE(writer->finish().ok());
  }
  auto artifact = Artifact::open(path);
  EXPECT_TRUE(artifact.ok()) << artifact.message();
  return std::move(*artifact);
}

// Says `wanted` token by token, with noise behind it; it would rather end at any time that follows.
FakeModel wanting(const std::string& wanted) {
  const auto tokenizer = Tokenizer::from_json(*read_file(HEARTH_ROOT "/models/ember/tokenizer.json"));
  const std::vector<int32_t> words = tokenizer->encode(wanted);
  const auto prompt = tokenizer->encode("Weather?").size();
  return [=](std::span<const int32_t> ids, std::span<float> logits) {
    noise()(ids, logits);
    const size_t said = ids.size() - prompt;
    logits[said < words.size() ? static_cast<size_t>(words[said]) : 2] = 1e6f;
  };
}

Json answer_to(const std::string& wanted) {
  const FakeServer server(
      [&](const std::string& id, std::shared_ptr<Turn>) -> Result<std::unique_ptr<ServedModel>> {
        auto engine = Engine::open(with_template("{{ messages[0].content }}"),
                                   std::make_shared<FakeDevice>(wanting(wanted)), {.pages = 64});
        if (!engine.ok()) return Error{engine.message()};
        auto served = std::make_unique<ServedModel>();
        served->id = id;
        served->tool_format = "hermes";
        served->loop = std::make_unique<EngineLoop>(std::move(*engine));
        return served;
      });
  const std::string tools =
      R"("tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object",
      "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"], "additionalProperties": false}}}])";
  return server.ask_json(
      post("/v1/chat/completions", R"({"messages": [{"role": "user", "content": "Weather?"}], "max_tokens": 200,
      "parallel_tool_calls": false, )" +
                                       tools + "}"))["choices"][0];
}

void expect_call(const Json& choice, const std::string& content) {
  ASSERT_EQ(choice["finish_reason"], "tool_calls") << choice;
  EXPECT_EQ(choice["message"]["content"].is_null() ? "" : choice["message"]["content"], content);
  const Json& function = choice["message"]["tool_calls"][0]["function"];
  EXPECT_EQ(function["name"], "get_weather");
  const auto arguments = parse_json(function["arguments"].get<std::string>(), "arguments");
  ASSERT_TRUE(arguments.ok()) << choice;
  EXPECT_TRUE((*arguments)["city"] == "Rome" || (*arguments)["city"] == "Oslo") << choice;
}

TEST(ToolCall, text_without_a_call_is_free) {
  const Json choice = answer_to("I would rather not say {\"name\": 1} or <tool_cal");
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["message"]["content"], "I would rather not say {\"name\": 1} or <tool_cal");
}

TEST(ToolCall, is_right_once_it_has_begun) {
  expect_call(answer_to("Let me see. <tool_call>\n{\"name\": \"get_rain\", \"arguments\": {\"city\": 5}"),
              "Let me see.");
  expect_call(answer_to("<tool_call>I have no idea"), "");
}

TEST(ToolCall, is_not_looked_for_in_what_the_model_thinks) {
  const Json choice = answer_to("<think>A <tool_call> is not needed.</think>No.");
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["message"]["content"], "No.");
  EXPECT_EQ(choice["message"]["reasoning_content"], "A <tool_call> is not needed.");
  expect_call(answer_to("<think>A <tool_call>.</think>Yes.<tool_call>"), "Yes.");
}

}  // namespace
}  // namespace hearth
