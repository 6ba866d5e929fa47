// The C API as an app sees it: answers in JSON, failures in one line, the cache behind it.
#include "hearth.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using hearth::api::Model;

const std::string kEmber = HEARTH_ROOT "/models/ember";

// A cache folder of this test's own.
struct Cache {
  fs::path path = fs::temp_directory_path() / ("hearth-api-test-" + std::to_string(getpid()));
  Cache() { fs::remove_all(path); }
  ~Cache() { fs::remove_all(path); }
  // But for the notes about sources (api/seen.h).
  std::vector<fs::path> files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.path().extension() != ".seen") files.push_back(entry.path());
    return files;
  }
};

std::string options_for(const std::string& model, const Cache& cache) {
  return Json{{"model", model}, {"cache", cache.path.string()}, {"quant", "none"}, {"threads", 2}, {"context", 256}}.dump();
}

std::string open_error(const std::string& options) {
  auto model = Model::open(options);
  return model ? "" : model.error;
}

void expect_line(const std::string& line, const std::string& part) {
  EXPECT_NE(line.find(part), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(Api, names_what_is_wrong_with_options) {
  expect_line(open_error(R"({"modle": "x"})"), "unknown key 'modle'");
  expect_line(open_error(R"({"model": 3})"), "'model': got number, want text");
  expect_line(open_error(R"({"model": "x", "threads": -1})"), "'threads' is -1");
  expect_line(open_error(R"({"model": "x", "on_full": "maybe"})"), "want fail or slide");
  expect_line(open_error("{"), "open");
  expect_line(open_error("[]"), "want a JSON object");
  expect_line(open_error(R"({"model": "/no/such/model"})"), "/no/such/model");
  expect_line(open_error(R"({"model": ")" HEARTH_ROOT R"(/CMakeLists.txt"})"), "neither a folder");
  EXPECT_NE(hearth_bake(R"({"model": "x", "oot": 1})", nullptr, nullptr), 0);
  expect_line(hearth_last_error(), "unknown key 'oot'");
  EXPECT_NE(hearth_describe(nullptr, nullptr), 0);
  expect_line(hearth_last_error(), "NULL");
}

TEST(Api, serves_the_pages_that_were_asked_for_or_says_why_not) {
  Cache cache;
  const auto serve_error = [&](const Json& more) {
    Json model = Json::parse(options_for(kEmber, cache));
    model.update(more);
    const auto server = hearth::api::Server::open(Json{{"models", {model}}, {"port", 0}}.dump());
    return server ? "" : server.error;
  };
  expect_line(serve_error({{"pages", 20}, {"kv_bytes", 1 << 30}}), "'kv_bytes' 1073741824 and 'pages' 20, want one of them");
  expect_line(serve_error({{"pages", 15}}), "got 15 KV 'pages', one context needs 16");
  EXPECT_EQ(serve_error({{"pages", 16}}), "");
}

TEST(Api, tokenizes_without_weights) {
  auto answer = hearth::api::tokenizer_call(kEmber, R"({"text": "Hello world", "specials": false})");
  ASSERT_TRUE(answer) << answer.error;
  const Json json = Json::parse(*answer);
  EXPECT_EQ(json["ids"].size(), json["pieces"].size());
  auto back = hearth::api::tokenizer_call(kEmber + "/tokenizer.json", Json{{"ids", json["ids"]}}.dump());
  ASSERT_TRUE(back) << back.error;
  EXPECT_EQ(Json::parse(*back)["text"], "Hello world");
  expect_line(hearth::api::tokenizer_call(HEARTH_ROOT "/docs", R"({"text": ""})").error, "no tokenizer.json");
  expect_line(hearth::api::tokenizer_call(kEmber, R"({"txt": ""})").error, "unknown key 'txt'");
}

TEST(Api, renders_the_template_of_a_folder) {
  auto text = hearth::api::template_render(
      kEmber, R"({"messages": [{"role": "user", "content": " Hi "}], "add_generation_prompt": true, "now": "2026-03-14T15:09:26"})");
  ASSERT_TRUE(text) << text.error;
  EXPECT_EQ(*text, "<|bos|><|user|>Hi<|eot|><|assistant|>");
  expect_line(hearth::api::template_render(kEmber, R"({"now": "yesterday"})").error, "'now'");
}

TEST(Api, answers_and_reuses_what_it_has_computed) {
  const Cache cache;
  auto model = Model::open(options_for(kEmber, cache));
  ASSERT_TRUE(model) << model.error;
  const std::string request =
      R"({"messages": [{"role": "user", "content": "What is the capital of Japan?"}], "temperature": 0, "max_tokens": 20})";
  std::string streamed;
  auto answer = model->generate(request, [&](std::string_view text, const int32_t*, size_t) {
    streamed += text;
    return true;
  });
  ASSERT_TRUE(answer) << answer.error;
  const Json first = Json::parse(*answer);
  EXPECT_EQ(first["text"], streamed);
  EXPECT_NE(streamed.find("Tokyo"), std::string::npos) << streamed;
  EXPECT_EQ(first["reused_tokens"], 0);
  const Json second = Json::parse(*model->generate(request));
  EXPECT_EQ(second["ids"], first["ids"]);
  EXPECT_EQ(second["reused_tokens"], first["prompt_tokens"].get<int>() - 1);
  auto stopped = model->generate(request, [](std::string_view, const int32_t*, size_t) { return false; });
  ASSERT_TRUE(stopped) << stopped.error;
  EXPECT_EQ(Json::parse(*stopped)["finish"], "cancelled");
  expect_line(model->generate(R"({"prompt": "a", "ids": [1]})").error, "exactly one");
  expect_line(model->generate(R"({"prompt": "a", "top_k": "x"})").error, "'top_k'");
  expect_line(model->generate(R"({"prompt": "a", "temperature": -1})").error, "'temperature'");
  expect_line(model->generate(R"({"prompt": "a", "logit_bias": {"x": 1}})").error, "'x' is no id");
  expect_line(model->generate(R"({"ids": [1], "max_tokens": 300, "ignore_end": true})").error, "context is full");
}

TEST(Api, bakes_a_damaged_cached_file_again) {
  const Cache cache;
  const std::string tiny = HEARTH_ROOT "/tests/fixtures/models/llama";
  ASSERT_EQ(open_error(Json{{"model", tiny}, {"cache", cache.path.string()}}.dump()), "");
  ASSERT_EQ(cache.files().size(), 1u);
  const fs::path file = cache.files()[0];
  const auto size = fs::file_size(file);
  fs::resize_file(file, size / 2);
  ASSERT_EQ(open_error(Json{{"model", tiny}, {"cache", cache.path.string()}}.dump()), "");
  EXPECT_EQ(fs::file_size(file), size);
  std::ofstream(file, std::ios::trunc) << "no artifact";
  ASSERT_EQ(open_error(Json{{"model", tiny}, {"cache", cache.path.string()}}.dump()), "");
  // an artifact is a model too, but what is baked stays baked
  EXPECT_EQ(open_error(Json{{"model", file.string()}}.dump()), "");
  expect_line(open_error(Json{{"model", file.string()}, {"quant", "q8_0"}}.dump()), "baked already");
}

TEST(Api, opens_the_same_model_many_times_at_once) {
  const Cache cache;
  const std::string options = Json{{"model", HEARTH_ROOT "/tests/fixtures/models/qwen3"}, {"cache", cache.path.string()}}.dump();
  std::vector<std::thread> threads;
  std::vector<std::string> errors(4);
  for (std::string& error : errors) threads.emplace_back([&] { error = open_error(options); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors, std::vector<std::string>(4));
  EXPECT_EQ(cache.files().size(), 1u);                   // nothing half is left
}

TEST(Api, leaves_nothing_behind_without_a_cache) {
  const auto ours = [] {
    int count = 0;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator("/var/tmp", failed)) {
      count += entry.path().filename().string().starts_with("hearth-" + std::to_string(getpid()) + "-");
    }
    return count;
  };
  EXPECT_EQ(open_error(Json{{"model", HEARTH_ROOT "/tests/fixtures/models/llama"}}.dump()), "");
  EXPECT_EQ(ours(), 0);
}

TEST(Api, shows_cards_and_ir) {
  const Cache cache;
  auto shown = hearth::api::show(options_for(kEmber, cache));
  ASSERT_TRUE(shown) << shown.error;
  const Json card = Json::parse(*shown);
  EXPECT_EQ(card["family"], "llama");
  EXPECT_GT(card["kernels"].size(), 0u);
  EXPECT_GT(card["bytes"]["code"].get<int64_t>(), 0);
  expect_line(hearth::api::show(Json{{"model", kEmber}, {"ir", "no_such_pass"}}.dump()).error, "no_such_pass");
  auto machine = hearth::api::doctor("{}");
  ASSERT_TRUE(machine) << machine.error;
  EXPECT_GT(Json::parse(*machine)["cores"].get<int>(), 0);
}

TEST(Api, times_steps_of_several_rows) {
  const Cache cache;
  auto model = Model::open(options_for(kEmber, cache));
  ASSERT_TRUE(model) << model.error;
  auto times = model->step_times(R"({"rows": 4, "sequences": 2, "context": 20, "repetitions": 3})");
  ASSERT_TRUE(times) << times.error;
  const Json found = Json::parse(*times);
  ASSERT_EQ(found["ms"].size(), 3u);
  for (const Json& ms : found["ms"]) EXPECT_GT(ms.get<double>(), 0);
  EXPECT_EQ(found["threads"], 2);
  EXPECT_GE(found["threads_decode"].get<int>(), 1);
  expect_line(model->step_times(R"({"rows": 3, "sequences": 2})").error, "3 rows of 2 sequences");
  expect_line(model->step_times(R"({"rows": 8, "sequences": 8, "context": 100})").error, "want a larger context");
  expect_line(model->step_times(R"({"row": 8})").error, "unknown key 'row'");
  auto answer = model->generate(R"({"prompt": "Once", "max_tokens": 4, "temperature": 0})");
  EXPECT_TRUE(answer) << answer.error;
}

}  // namespace
