// Many requests on the fake device: opens engines, collects what each choice says, and checks how events come.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/engine/fake_model.h"

namespace hearth {

struct Told {
  std::vector<int32_t> ids;
  std::string text, error;
  Finish finish = Finish::none;
  int finishes = 0, after = 0;           // events that end a choice, and events behind one
  std::vector<LogprobEntry> logprobs, prompt_logprobs;
  std::vector<float> embedding;
  Timing timing;

  void take(const Event& event) {
    if (finishes > 0) ++after;
    ids.insert(ids.end(), event.ids.begin(), event.ids.end());
    text += event.text;
    logprobs.insert(logprobs.end(), event.logprobs.begin(), event.logprobs.end());
    prompt_logprobs.insert(prompt_logprobs.end(), event.prompt_logprobs.begin(), event.prompt_logprobs.end());
    if (event.finish == Finish::none) return;
    ++finishes;
    finish = event.finish;
    error = event.error;
    embedding = event.embedding;
    timing = event.timing;
  }
};

// What all choices of one request said.
using Choices = std::shared_ptr<std::vector<Told>>;

inline OnEvent collect(const Choices& told) {
  return [told](const Event& event) { told->at(static_cast<size_t>(event.choice)).take(event); };
}

struct Many {
  std::shared_ptr<FakeDevice> device;
  Engine engine;

  static Many open(FakeModel model, EngineOptions options = {}, std::shared_ptr<Drafter> drafter = nullptr,
                   Interface interface = fake_interface()) {
    static int count = 0;
    const std::string path = temporary(fmt::format("many-{}.hearth", count++));
    auto artifact = fake_artifact(interface, path);
    std::filesystem::remove(path);
    EXPECT_TRUE(artifact.ok()) << artifact.message();
    auto device = std::make_shared<FakeDevice>(std::move(model));
    auto engine = Engine::open(*artifact, device, options, std::move(drafter));
    EXPECT_TRUE(engine.ok()) << engine.message();
    return {device, *engine};
  }

  Choices submit(const Request& request, RequestId* id = nullptr) {
    auto told = std::make_shared<std::vector<Told>>(static_cast<size_t>(request.choices));
    auto got = engine.submit(request, collect(told));
    if (!got.ok()) {
      told->front().error = got.message();
      return told;
    }
    if (id != nullptr) *id = *got;
    return told;
  }

  void finish() {
    for (int64_t steps = 0; !engine.idle(); ++steps) {
      ASSERT_LT(steps, 200000) << "the engine does not come to an end";
      engine.step();
    }
  }

  // Alone on this engine.
  Told say(const Request& request) {
    const Choices told = submit(request);
    finish();
    return told->front();
  }
};

inline std::vector<int32_t> counted_ids(int64_t count, int64_t first = 10) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>((first + i * 7) % 5000 + 3));
  return ids;
}

inline Request asking(std::vector<int32_t> prompt, int64_t max_new, uint64_t seed = 0) {
  Request request;
  request.prompt = std::move(prompt);
  request.max_new = max_new;
  request.sampler.temperature = seed == 0 ? 0 : 1;
  request.sampler.seed = seed;
  request.ignore_end = true;
  return request;
}

}  // namespace hearth
