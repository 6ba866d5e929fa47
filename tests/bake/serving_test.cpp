// The engine on Ember with real kernels: neighbours, chunks, preemption, the cache and drafts change no token.
#include <filesystem>

#include "baking.h"
#include "engine/engine_loop.h"

namespace hearth::test {
namespace {

const std::string kDraft = HEARTH_ROOT "/tests/fixtures/ember-draft";

// One bake for all tests of this file.
const Artifact& ember_artifact() {
  static const Scratch scratch;
  static const Artifact artifact = baked(scratch, ember(), "none");
  return artifact;
}

Engine open_engine(const EngineOptions& options, std::shared_ptr<Drafter> drafter = nullptr) {
  auto device = open_device("cpu", {.threads = 2});
  EXPECT_TRUE(device.ok()) << device.message();
  auto engine = Engine::open(ember_artifact(), std::move(*device), options, std::move(drafter));
  EXPECT_TRUE(engine.ok()) << engine.message();
  return engine.ok() ? *engine : Engine();
}

std::vector<Request> requests_for(const Engine& engine, int count) {
  const char* prompts[] = {"Once upon a time there was a fox who ", "The king said to his daughter: ", "In the deep forest ",
                           "Once upon a time there was a fox who lived alone in a den under the old oak, and "};
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) {
    Request request;
    request.prompt = engine.tokenizer().encode(prompts[i % 4], Specials::add);
    if (i % 3 == 0) request.prompt.push_back(200 + i);
    request.max_new = 10 + i * 3 % 25;
    request.sampler.temperature = i % 2 == 0 ? 0 : 0.9f;
    request.sampler.seed = static_cast<uint64_t>(i);
    request.ignore_end = true;
    requests.push_back(request);
  }
  return requests;
}

std::vector<int32_t> answer_of(Engine& engine, const Request& request) {
  std::vector<int32_t> ids;
  const auto done =
      engine.generate(request, [&](const Event& event) { ids.insert(ids.end(), event.ids.begin(), event.ids.end()); });
  EXPECT_TRUE(done.ok()) << done.message();
  return ids;
}

void expect_same_as_alone(Engine engine, int count) {
  Engine single = open_engine({.chunk = 64, .prefix_cache = false});
  const std::vector<Request> requests = requests_for(engine, count);
  std::vector<std::vector<int32_t>> told(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    auto& ids = told[i];
    auto id = engine.submit(
        requests[i], [&ids](const Event& event) { ids.insert(ids.end(), event.ids.begin(), event.ids.end()); });
    ASSERT_TRUE(id.ok()) << id.message();
    if (i % 2 == 1) engine.step();
  }
  while (!engine.idle()) engine.step();
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(told[i], answer_of(single, requests[i])) << "request " << i;
}

TEST(Serving, NeighboursChangeNoToken) { expect_same_as_alone(open_engine({.context = 256, .pages = 300}), 40); }

TEST(Serving, SmallChunksAndPreemptionChangeNoToken) {
  Engine engine = open_engine({.context = 128, .chunk = 13, .pages = 6});
  expect_same_as_alone(engine, 10);
  EXPECT_GT(engine.stats().preempted, 0);
}

TEST(Serving, LookupChangesNoToken) {
  expect_same_as_alone(open_engine({.context = 256, .pages = 300, .speculation = Speculation::lookup}), 12);
}

TEST(Serving, ADraftModelChangesNoToken) {
  const Scratch scratch;
  const Artifact small = baked(scratch, kDraft, "none");
  auto device = open_device("cpu", {.threads = 2});
  ASSERT_TRUE(device.ok());
  auto drafter = draft_model(small, std::move(*device), 40);       // few: some sequences go without
  ASSERT_TRUE(drafter.ok()) << drafter.message();
  Engine engine =
      open_engine({.context = 256, .pages = 300, .speculation = Speculation::model}, std::shared_ptr<Drafter>(std::move(*drafter)));
  expect_same_as_alone(engine, 12);
  EXPECT_GT(engine.stats().accepted_tokens, 0);
}

TEST(Serving, ASchemaHoldsWhateverTheSampling) {
  Engine engine = open_engine({.context = 512, .pages = 400});
  const auto grammar = Grammar::from_json_schema(
      R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0,
          "maximum": 99}, "kind": {"enum": ["fox", "bear"]}}, "required": ["name", "age", "kind"], "additionalProperties": false})");
  ASSERT_TRUE(grammar.ok()) << grammar.message();
  const auto bound = engine.bind(*grammar, "animal");
  ASSERT_TRUE(bound.ok()) << bound.message();
  EXPECT_EQ(*engine.bind(*grammar, "animal"), *bound);
  std::vector<std::string> texts(24);
  int64_t forced = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    Request request;
    request.prompt = engine.tokenizer().encode("The animal:", Specials::add);
    request.max_new = 200;
    request.sampler.temperature = i % 4 == 0 ? 0 : 1.5f;
    request.sampler.top_k = 0;
    request.sampler.top_p = 1;
    request.sampler.min_p = 0;
    request.sampler.seed = i;
    request.grammar = *bound;
    auto id = engine.submit(request, [&texts, &forced, i](const Event& event) {
      texts[i] += event.text;
      EXPECT_TRUE(event.finish == Finish::none || event.finish == Finish::end) << event.error;
      forced += event.timing.forced_tokens;
    });
    ASSERT_TRUE(id.ok()) << id.message();
  }
  while (!engine.idle()) engine.step();
  EXPECT_GT(forced, 0);
  for (const std::string& text : texts) {
    const auto json = parse_json(text, "answer");
    ASSERT_TRUE(json.ok()) << text;
    EXPECT_EQ(json->size(), 3u) << text;
    EXPECT_TRUE((*json)["name"].is_string() && (*json)["age"].is_number_integer()) << text;
  }
}

}  // namespace
}  // namespace hearth::test
