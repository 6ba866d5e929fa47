// The API over a fake model: routing, keys, origins, choices, lists, streams that fail, traces.
#include "base/json.h"
#include "tests/server/fake_server.h"

namespace hearth {
namespace {

std::string complete(const std::string& fields) { return post("/v1/completions", "{" + fields + "}"); }

std::vector<std::string> events_of(const HttpAnswer& answer) {
  std::vector<std::string> events;
  for (size_t at = 0, end; (end = answer.body.find("\n\n", at)) != std::string::npos; at = end + 2)
    events.push_back(answer.body.substr(at, end - at));
  return events;
}

TEST(Server, routes_by_method_and_path) {
  const FakeServer server(counting(5));
  EXPECT_EQ(server.ask(get("/nothing/here")).status, 404);
  EXPECT_EQ(server.ask(post("/nothing/here", "")).status, 404);
  const HttpAnswer wrong = server.ask(get("/v1/chat/completions"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_TRUE(wrong.has("Allow: POST\r\n")) << wrong.head;
  EXPECT_EQ(server.ask(post("/v1/models", "{}")).status, 405);
  const HttpAnswer head = server.ask("HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(server.ask(get("/health")).status, 200);
}

TEST(Server, wants_the_key_where_there_is_one) {
  const FakeServer server(counting(5), {.api_key = "secret"});
  for (const char* header : {"", "Authorization: Bearer secre\r\n", "Authorization: Bearer secrett\r\n", "x-api-key: Secret\r\n",
                             "Authorization: secret\r\n"}) {
    const Json refused = server.ask_json(get("/v1/models", header), 401);
    EXPECT_EQ(refused["error"]["code"], "invalid_api_key") << header;
    EXPECT_EQ(server.ask(get("/metrics", header)).status, 401);
  }
  EXPECT_EQ(server.ask(get("/v1/models", "Authorization: Bearer secret\r\n")).status, 200);
  EXPECT_EQ(server.ask(get("/v1/models", "x-api-key: secret\r\n")).status, 200);
  EXPECT_EQ(server.ask(get("/health")).status, 200);
}

TEST(Server, foreign_pages_may_not_ask) {
  ServerOptions options;
  options.http.cors_origins = {"https://friend.example"};
  const FakeServer server(counting(5), options);
  const auto status = [&](const std::string& origin) {
    return server.ask(post("/tokenize", R"({"content": "x"})", "Origin: " + origin + "\r\n")).status;
  };
  EXPECT_EQ(status("https://stranger.example"), 403);
  EXPECT_EQ(status("null"), 403);
  EXPECT_EQ(status("http://localhost"), 200);  // as Host says
  EXPECT_EQ(status("https://friend.example"), 200);
}

TEST(Server, completes_with_choices_and_prompt_lists) {
  const FakeServer server(counting(6));
  const Json one = server.ask_json(complete(R"("prompt": [1], "max_tokens": 100, "n": 3)"));
  ASSERT_EQ(one["choices"].size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(one["choices"][i]["index"], i);
    EXPECT_EQ(one["choices"][i]["text"], one["choices"][0]["text"]);
    EXPECT_EQ(one["choices"][i]["finish_reason"], "stop");
  }
  EXPECT_EQ(one["usage"]["prompt_tokens"], 1);
  EXPECT_EQ(one["usage"]["completion_tokens"], 15);
  const Json many = server.ask_json(complete(R"("prompt": [[1], [1, 5, 6], [1, 5]], "max_tokens": 2, "n": 2)"));
  ASSERT_EQ(many["choices"].size(), 6u);
  EXPECT_EQ(many["choices"][0]["text"], many["choices"][1]["text"]);
  EXPECT_NE(many["choices"][0]["text"], many["choices"][2]["text"]);  // further along in the count
  EXPECT_EQ(many["choices"][5]["finish_reason"], "length");
  EXPECT_EQ(many["usage"]["prompt_tokens"], 6);
}

TEST(Server, a_list_longer_than_the_queue_is_answered_whole) {
  EngineOptions engine;
  engine.waiting = 70;
  engine.sequences = 16;
  const FakeServer server(counting(4), {}, engine);
  std::string prompts = "[1]";
  for (int i = 1; i < 128; ++i) prompts += ", [1" + std::string(i % 2 ? ", 7" : "") + "]";
  const Json many = server.ask_json(complete("\"prompt\": [" + prompts + "], \"max_tokens\": 5"));
  ASSERT_EQ(many["choices"].size(), 128u);
  for (size_t i = 2; i < 128; ++i) EXPECT_EQ(many["choices"][i]["text"], many["choices"][i % 2]["text"]) << i;
}

TEST(Server, one_wrong_prompt_of_a_list_refuses_it_all) {
  const FakeServer server(counting(4));
  std::string longest = "1";
  for (int i = 0; i < 2000; ++i) longest += ", 5";
  const Json refused = server.ask_json(complete("\"prompt\": [[1], [" + longest + "], [1]]"), 400);
  const std::string message = refused["error"]["message"];
  EXPECT_NE(message.find("2001"), std::string::npos) << message;
  EXPECT_NE(message.find("1024"), std::string::npos) << message;
  EXPECT_EQ(server.ask_json(complete("\"prompt\": [1]"))["choices"].size(), 1u);
}

TEST(Server, echo_logprobs_and_stops) {
  const FakeServer server(counting(50));
  const Json echo = server.ask_json(complete(R"("prompt": [1, 400, 401], "max_tokens": 2, "echo": true, "logprobs": 1)"));
  const Json& logprobs = echo["choices"][0]["logprobs"];
  ASSERT_EQ(logprobs["tokens"].size(), 5u);
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null());
  EXPECT_TRUE(logprobs["token_logprobs"][1].is_number());
  const Json whole = server.ask_json(complete(R"("prompt": [1], "max_tokens": 9)"));
  const std::string text = whole["choices"][0]["text"];
  const std::string stop = text.substr(text.size() / 2, 3);
  const Json stopped = server.ask_json(complete(R"("prompt": [1], "max_tokens": 9, "stop": ")" + stop + "\""));
  EXPECT_EQ(stopped["choices"][0]["text"], text.substr(0, text.find(stop)));
  EXPECT_EQ(stopped["choices"][0]["finish_reason"], "stop");
}

TEST(Server, streams_say_what_the_whole_says) {
  const FakeServer server(counting(9));
  const std::string whole = server.ask_json(complete(R"("prompt": [1], "max_tokens": 20)"))["choices"][0]["text"];
  const HttpAnswer answer =
      server.ask(complete(R"("prompt": [1], "max_tokens": 20, "stream": true, "stream_options": {"include_usage": true})"));
  ASSERT_TRUE(answer.is_whole);
  const auto events = events_of(answer);
  ASSERT_GT(events.size(), 3u);
  EXPECT_EQ(events.back(), "data: [DONE]");
  std::string text;
  for (size_t i = 0; i + 2 < events.size(); ++i) {
    auto event = parse_json(events[i].substr(6), "event");
    ASSERT_TRUE(event.ok()) << events[i];
    text += (*event)["choices"][0]["text"];
    EXPECT_TRUE((*event)["usage"].is_null());
  }
  EXPECT_EQ(text, whole);
  EXPECT_NE(events[events.size() - 2].find("\"completion_tokens\":8"), std::string::npos) << events[events.size() - 2];
}

TEST(Server, a_failure_amid_a_stream_is_its_last_event) {
  FakeServer* self = nullptr;
  FakeServer server([&self](std::span<const int32_t> ids, std::span<float> logits) {
    if (ids.size() == 6) self->device->failing = true;
    logits[300] = 40;
  });
  self = &server;
  const HttpAnswer answer = server.ask(complete(R"("prompt": [1], "max_tokens": 20, "stream": true)"));
  EXPECT_TRUE(answer.is_whole);
  EXPECT_EQ(answer.status, 200);
  const auto events = events_of(answer);
  ASSERT_GT(events.size(), 2u);
  EXPECT_NE(events.back().find("the device is gone"), std::string::npos) << events.back();
  const Json refused = server.ask_json(complete(R"("prompt": [1], "max_tokens": 20)"), 500);
  EXPECT_EQ(refused["error"]["type"], "server_error");
}

TEST(Server, a_model_without_hidden_states_gives_no_embeddings) {
  const FakeServer server(counting(9));
  const Json refused = server.ask_json(post("/v1/embeddings", R"({"input": "x"})"), 400);
  EXPECT_NE(refused["error"]["message"].get<std::string>().find("embeddings"), std::string::npos);
  EXPECT_EQ(server.ask_json(post("/v1/embeddings", R"({"input": []})"), 400)["error"]["param"], "input");
  EXPECT_EQ(server.ask_json(post("/v1/embeddings", R"({"input": "x", "pooling": "max"})"), 400)["error"]["param"], "pooling");
}

TEST(Server, text_to_ids_and_back) {
  const FakeServer server(counting(9));
  const Json tokens = server.ask_json(post("/tokenize", R"({"content": "Once upon a time", "with_pieces": true})"))["tokens"];
  Json ids = Json::array();
  for (const Json& token : tokens) ids.push_back(token["id"]);
  EXPECT_GT(ids.size(), 2u);
  EXPECT_EQ(server.ask_json(post("/detokenize", dump(Json{{"tokens", ids}})))["content"], "Once upon a time");
  EXPECT_EQ(server.ask_json(post("/detokenize", R"({"tokens": []})"))["content"], "");
  EXPECT_EQ(server.ask_json(post("/detokenize", R"({"tokens": ["a"]})"), 400)["error"]["param"], "tokens");
}

TEST(Server, traces_tell_where_the_time_went) {
  const FakeServer server(counting(9));
  for (int i = 0; i < 3; ++i) server.ask(complete(R"("prompt": [1], "max_tokens": 4)"));
  const Json traces = server.ask_json(get("/hearth/traces?last=2"))["requests"];
  ASSERT_EQ(traces.size(), 2u);
  EXPECT_EQ(traces[0]["path"], "/v1/completions");
  EXPECT_EQ(traces[0]["generated_tokens"], 4);
  EXPECT_EQ(traces[0]["finish"], "length");
  ASSERT_EQ(traces[0]["spans"].size(), 3u);
  EXPECT_EQ(traces[0]["spans"][1]["start_ms"], traces[0]["spans"][0]["end_ms"]);
  EXPECT_GE(traces[0]["arrived_ms"], traces[1]["arrived_ms"]);
  for (const char* wrong : {"0", "x", "", "1001"}) server.ask_json(get(std::string("/hearth/traces?last=") + wrong), 400);
}

TEST(Server, a_client_that_leaves_stops_its_answer) {
  FakeServer server([](std::span<const int32_t>, std::span<float> logits) {
    std::this_thread::sleep_for(Milliseconds(2));
    logits[300] = 40;
  });
  {
    TestClient client = server.connect();
    client.send(complete(R"("prompt": [1], "max_tokens": 1000, "stream": true)"));
    EXPECT_NE(client.receive_until("\n\n"), "");
    EXPECT_TRUE(soon([&] { return server.ask_json(get("/hearth/status"))["models"][0]["running"] == 1; }));
  }
  EXPECT_TRUE(soon([&] { return server.ask_json(get("/hearth/status"))["models"][0]["running"] == 0; }, Milliseconds(3000)));
}

TEST(Server, clients_that_leave_just_as_their_answer_ends_do_no_harm) {
  const FakeServer server(counting(3));
  for (int i = 0; i < 400; ++i) {
    TestClient client = server.connect();
    client.send(complete(R"("prompt": [1], "max_tokens": 2)"));
    std::this_thread::sleep_for(std::chrono::microseconds(i * 5));
    client.reset();
  }
  EXPECT_EQ(server.ask_json(complete(R"("prompt": [1], "max_tokens": 2)"))["choices"].size(), 1u);
}

TEST(Server, ends_amid_answers) {
  auto server = std::make_unique<FakeServer>([](std::span<const int32_t>, std::span<float> logits) {
    std::this_thread::sleep_for(Milliseconds(3));
    logits[300] = 40;
  });
  std::vector<TestClient> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(server->connect());
    clients.back().send(complete(R"("prompt": [1], "max_tokens": 1000, "n": 2)"));
  }
  EXPECT_TRUE(soon([&] { return server->ask_json(get("/hearth/status"))["models"][0]["running"] > 4; }));
  server.reset();  // cut: no crash, no hang
  for (TestClient& client : clients) EXPECT_EQ(client.answer().status, 0);
}

}  // namespace
}  // namespace hearth
