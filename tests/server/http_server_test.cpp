// The HTTP server against real sockets: requests, replies, keep-alive, pipelining, limits, refusals.
#include <atomic>

#include "base/json.h"
#include "tests/server/http_client.h"

namespace hearth {
namespace {

// Says back what it understood.
void echo(HttpRequest request, std::shared_ptr<HttpReply> reply) {
  Json json = {{"method", request.method}, {"path", request.path}, {"query", request.query}, {"body", request.body}};
  if (const std::string* agent = request.header("user-AGENT")) json["agent"] = *agent;
  reply->send(200, "application/json", dump(json));
}

Json json_of(const HttpAnswer& answer) {
  auto json = parse_json(answer.body, "answer");
  EXPECT_TRUE(json) << answer.body;
  return json ? *json : Json();
}

void expect_error(const HttpAnswer& answer, int status, std::string_view part) {
  EXPECT_EQ(answer.status, status) << answer.head << answer.body;
  EXPECT_TRUE(answer.is_whole);
  EXPECT_TRUE(answer.has("Connection: close"));
  const Json json = json_of(answer);
  ASSERT_TRUE(json.contains("error"));
  EXPECT_EQ(json["error"]["type"], status < 500 ? "invalid_request_error" : "server_error");
  EXPECT_NE(json["error"]["message"].get<std::string>().find(part), std::string::npos) << answer.body;
}

HttpOptions small() {
  HttpOptions options;
  options.header_bytes = 1024;
  options.body_bytes = 10'000;
  return options;
}

TEST(HttpServer, answers_and_keeps_the_connection) {
  TestServer server({}, echo);
  TestClient client = server.connect();
  for (int i = 0; i < 3; ++i) {
    const HttpAnswer answer = client.ask(post("/v1/x?a=b%20c", "hello", "User-Agent: test\r\n"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.has("Date: "));
    EXPECT_FALSE(answer.has("Connection:"));
    EXPECT_FALSE(answer.has("Access-Control"));
    const Json wanted = {
        {"method", "POST"}, {"path", "/v1/x"}, {"query", {{"a", "b c"}}}, {"body", "hello"}, {"agent", "test"}};
    EXPECT_EQ(json_of(answer), wanted);
  }
  EXPECT_EQ(server->stats().connections, 1u);
  EXPECT_EQ(server->stats().requests, 3u);
  EXPECT_GT(server->stats().bytes_in, 200u);
  EXPECT_GT(server->stats().bytes_out, 300u);
}

TEST(HttpServer, closes_when_asked_to) {
  TestServer server({}, echo);
  TestClient client = server.connect();
  EXPECT_TRUE(client.ask(get("/", "Connection: close\r\n")).has("Connection: close"));
  EXPECT_TRUE(client.is_at_end());
  TestClient old = server.connect();
  EXPECT_EQ(json_of(old.ask("GET /old HTTP/1.0\r\n\r\n"))["path"], "/old");
  EXPECT_TRUE(old.is_at_end());
  TestClient kept = server.connect();
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(kept.ask("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").has("Connection: keep-alive"));
}

TEST(HttpServer, head_and_empty_statuses_have_no_body) {
  TestServer server({}, [](HttpRequest request, std::shared_ptr<HttpReply> reply) {
    if (request.path == "/none") return reply->send(204, "", "");
    if (request.path == "/stream") {
      reply->begin_stream(200, "text/plain");
      EXPECT_TRUE(reply->write("not sent"));
      return reply->end();
    }
    reply->send(200, "text/plain", "twelve bytes");
  });
  TestClient client = server.connect();
  EXPECT_TRUE(client.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n").has("Content-Length: 12"));
  EXPECT_TRUE(client.ask("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n").has("Transfer-Encoding: chunked"));
  EXPECT_FALSE(client.ask(get("/none")).has("Content-"));
  EXPECT_EQ(client.ask(get("/")).body, "twelve bytes");
}

TEST(HttpServer, pipelined_requests_are_answered_in_order) {
  std::vector<std::thread> threads;
  std::mutex mutex;
  {
    HttpOptions options;
    options.io_threads = 2;
    TestServer server(options, [&](HttpRequest request, std::shared_ptr<HttpReply> reply) {
      const std::lock_guard lock(mutex);
      threads.emplace_back([reply, request] {
        if (request.path == "/0") std::this_thread::sleep_for(Milliseconds(20));
        reply->send(200, "text/plain", request.path + request.body);
      });
    });
    TestClient client = server.connect();
    std::string all;
    for (int i = 0; i < 50; ++i) all += i % 2 ? post(fmt::format("/{}", i), "body") : get(fmt::format("/{}", i));
    ASSERT_TRUE(client.send(all));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(client.answer().body, fmt::format("/{}{}", i, i % 2 ? "body" : ""));
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(HttpServer, takes_requests_byte_by_byte_and_with_empty_lines_before) {
  TestServer server({}, echo);
  TestClient client = server.connect();
  for (const char byte : "\r\n\r\n" + post("/slow", "drop by drop")) ASSERT_TRUE(client.send({&byte, 1}));
  EXPECT_EQ(json_of(client.answer())["body"], "drop by drop");
}

TEST(HttpServer, chunked_bodies_are_joined) {
  TestServer server(small(), echo);
  TestClient client = server.connect();
  const std::string head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: gone\r\n\r\n";
  EXPECT_EQ(json_of(client.ask(head + body))["body"], "hello, world");
  ASSERT_TRUE(client.send(head));
  for (const char byte : body) ASSERT_TRUE(client.send({&byte, 1}));
  EXPECT_EQ(json_of(client.answer())["body"], "hello, world");
  expect_error(client.ask(head + "2711\r\n"), 413, "more than 10000 bytes");
}

TEST(HttpServer, endless_chunk_lines_and_trailers_are_refused) {
  TestServer server(small(), echo);
  const std::string head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  TestClient line = server.connect();
  expect_error(line.ask(head + "5;" + std::string(5000, 'x')), 431, "1024");
  TestClient trailer = server.connect();
  expect_error(trailer.ask(head + "0\r\nX: " + std::string(5000, 'x')), 431, "1024");
}

TEST(HttpServer, says_continue_before_a_body_it_wants) {
  TestServer server(small(), echo);
  TestClient client = server.connect();
  const std::string head = "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n";
  EXPECT_EQ(client.ask(head + "Content-Length: 2\r\n\r\n").status, 100);
  EXPECT_EQ(json_of(client.ask("ok"))["body"], "ok");
  // Who sends the body without waiting may get either.
  EXPECT_EQ(client.ask(head + "Content-Length: 2\r\n\r\nok").status, 200);
  TestClient other = server.connect();
  expect_error(other.ask(head + "Content-Length: 10001\r\n\r\n"), 413, "10000");
  TestClient strange = server.connect();
  expect_error(strange.ask(get("/", "Expect: a-miracle\r\n")), 417, "Expect");
}

TEST(HttpServer, refuses_what_is_no_http) {
  TestServer server(small(), echo);
  const char* const requests[] = {
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/1.1\nHost: localhost\n\n",
      "GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
      "GET nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /%0g HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
  };
  for (const char* request : requests) {
    TestClient client = server.connect();
    expect_error(client.ask(request), 400, "request: got");
    EXPECT_TRUE(client.is_at_end());
  }
  TestClient smuggler = server.connect();
  expect_error(smuggler.ask("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n" + get("/inner")),
               501, "chunked");
  EXPECT_TRUE(smuggler.is_at_end());
  EXPECT_EQ(server->stats().requests, 0u);
  EXPECT_EQ(server->stats().refused_requests, std::size(requests) + 1);
}

TEST(HttpServer, large_heads_are_431) {
  TestServer server({}, echo);
  TestClient fits = server.connect();
  EXPECT_EQ(fits.ask(get("/", "X: " + std::string(15'000, 'x') + "\r\n")).status, 200);
  TestClient client = server.connect();
  // One megabyte: the answer comes while it is being sent.
  std::thread sender([&] { client.send(get("/", "X: " + std::string(1 << 20, 'x') + "\r\n")); });
  expect_error(client.answer(), 431, "16384");
  sender.join();
  TestClient line = server.connect();
  expect_error(line.ask("GET /" + std::string(20'000, 'x')), 431, "16384");
  TestClient both = server.connect();
  expect_error(both.ask("GET /" + std::string(10'000, 'x') +
                        " HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n"),
               431, "16384");
}

TEST(HttpServer, large_bodies_are_413_before_they_come) {
  std::atomic<int> handled = 0;
  TestServer server({}, [&](HttpRequest request, std::shared_ptr<HttpReply> reply) {
    ++handled;
    echo(std::move(request), std::move(reply));
  });
  TestClient client = server.connect();
  const std::string head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n";
  expect_error(client.ask(head + "only this much"), 413, "33554432");
  EXPECT_TRUE(client.is_at_end());
  // A client that sends all before it reads gets its answer too, while the server drops what comes.
  TestClient eager = server.connect();
  std::thread sender([&] { eager.send(head + std::string(8 << 20, 'x')); });
  expect_error(eager.answer(), 413, "33554432");
  sender.join();
  EXPECT_EQ(handled, 0);
}

TEST(HttpServer, foreign_hosts_are_403_on_loopback) {
  const auto ask = [](const TestServer& server, const std::string& host) {
    return server.connect().ask("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  HttpOptions options;
  options.allowed_hosts = {"hearth.home"};
  TestServer server(options, echo);
  for (const char* host : {"localhost", "localhost:9", "127.0.0.1:7411", "[::1]:7411", "hearth.home:80"})
    EXPECT_EQ(ask(server, host).status, 200) << host;
  expect_error(ask(server, "evil.example:7411"), 403, "'evil.example:7411'");
  expect_error(ask(server, ""), 403, "Host");
  options.host_check = HostCheck::off;
  TestServer open(options, echo);
  EXPECT_EQ(ask(open, "evil.example").status, 200);
  options.host_check = HostCheck::on_loopback;
  options.host = "0.0.0.0";
  TestServer everywhere(options, echo);
  EXPECT_EQ(ask(everywhere, "my.machine.example").status, 200);
}

TEST(HttpServer, cors_only_where_asked_for) {
  const std::string preflight =
      "OPTIONS /v1 HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: authorization\r\n\r\n";
  TestServer off({}, echo);
  EXPECT_EQ(json_of(off.connect().ask(preflight))["method"], "OPTIONS");
  HttpOptions options = small();
  options.cors_origins = {"https://a.example"};
  TestServer on(options, echo);
  TestClient client = on.connect();
  const HttpAnswer answer = client.ask(preflight);
  EXPECT_EQ(answer.status, 204);
  EXPECT_TRUE(answer.has("Access-Control-Allow-Origin: https://a.example\r\n"));
  EXPECT_TRUE(answer.has("Access-Control-Allow-Headers: authorization\r\n"));
  EXPECT_TRUE(
      client.ask(get("/", "Origin: https://a.example\r\n")).has("Access-Control-Allow-Origin: https://a.example"));
  EXPECT_FALSE(client.ask(get("/", "Origin: https://b.example\r\n")).has("Access-Control"));
  EXPECT_TRUE(
      client.ask("POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.example\r\nContent-Length: 99999\r\n\r\n")
          .has("Access-Control-Allow-Origin"));
}

TEST(HttpServer, what_a_handler_throws_or_drops_is_a_500) {
  TestServer server({}, [](HttpRequest request, std::shared_ptr<HttpReply> reply) {
    if (request.path == "/throw") throw std::runtime_error("from a library");
    if (request.path == "/int") throw 3;
    if (request.path == "/cut") {
      reply->begin_stream(200, "text/plain");
      reply->write("half");
    }
  });
  for (const char* path : {"/throw", "/int", "/drop"}) {
    TestClient client = server.connect();
    const HttpAnswer answer = client.ask(get(path));
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_EQ(json_of(answer)["error"]["type"], "server_error");
  }
  EXPECT_FALSE(server.connect().ask(get("/cut")).is_whole);
}

TEST(HttpServer, line_breaks_in_reply_headers_stay_text) {
  TestServer server({}, [](HttpRequest, std::shared_ptr<HttpReply> reply) {
    reply->send(200, "text/plain", "ok", {{"X-Name", "a\r\nSet-Cookie: b"}});
  });
  const HttpAnswer answer = server.connect().ask(get("/"));
  EXPECT_TRUE(answer.has("X-Name: a  Set-Cookie: b\r\n"));
  EXPECT_EQ(answer.body, "ok");
}

TEST(HttpServer, too_many_connections_are_503) {
  HttpOptions options;
  options.max_connections = 2;
  TestServer server(options, echo);
  TestClient first = server.connect(), second = server.connect();
  EXPECT_EQ(first.ask(get("/")).status, 200);
  EXPECT_EQ(second.ask(get("/")).status, 200);
  TestClient third = server.connect();
  const HttpAnswer answer = third.answer();
  expect_error(answer, 503, "connections");
  EXPECT_TRUE(answer.has("Retry-After: 1\r\n"));
  EXPECT_TRUE(third.is_at_end());
  EXPECT_EQ(server->stats().refused_connections, 1u);
  second.close();
  EXPECT_TRUE(soon([&] { return server->stats().open_connections == 1; }));
  EXPECT_EQ(server.connect().ask(get("/")).status, 200);
}

TEST(HttpServer, writes_an_access_log_without_queries_and_bodies) {
  std::mutex mutex;
  std::vector<AccessRecord> records;
  HttpOptions options = small();
  options.on_access = [&](const AccessRecord& record) {
    const std::lock_guard lock(mutex);
    records.push_back(record);
  };
  {
    TestServer server(options, echo);
    TestClient client = server.connect();
    client.ask(post("/a%20b?key=secret", "secret"));
    client.ask("nonsense\r\n\r\n");
    client.rest();
  }
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].method, "POST");
  EXPECT_EQ(records[0].path, "/a%20b");
  EXPECT_EQ(records[0].status, 200);
  EXPECT_EQ(records[0].peer.substr(0, 10), "127.0.0.1:");
  EXPECT_GT(records[0].bytes, 100u);
  EXPECT_FALSE(records[0].gone);
  EXPECT_EQ(records[1].status, 400);
  EXPECT_EQ(records[1].path, "");
}

TEST(HttpServer, says_why_it_cannot_open) {
  const auto failure = [](HttpOptions options) {
    auto server = HttpServer::open(options, echo);
    EXPECT_FALSE(server);
    return server ? "" : server.message();
  };
  TestServer taken({}, echo);
  EXPECT_NE(failure({.port = taken.port()}).find(fmt::format("127.0.0.1:{}", taken.port())), std::string::npos);
  EXPECT_NE(failure({.host = "no such host"}).find("'no such host'"), std::string::npos);
  EXPECT_NE(failure({.host = "203.0.113.7", .port = 0}).find("203.0.113.7"), std::string::npos);
  EXPECT_NE(failure({.port = 65536}).find("65536"), std::string::npos);
  EXPECT_NE(failure({.port = 0, .io_threads = 0}).find("0 IO threads"), std::string::npos);
}

}  // namespace
}  // namespace hearth
