// What the head of a request says: targets, hosts, origins, and server-sent events.
#include "server/http_request.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "server/sse.h"

namespace hearth {
namespace {

HttpRequest target(std::string_view text) {
  HttpRequest request;
  request.method = "GET";
  EXPECT_FALSE(read_target(text, request)) << text;
  return request;
}

int refused(std::string_view text) {
  HttpRequest request;
  request.method = "GET";
  const auto refusal = read_target(text, request);
  return refusal ? refusal->status : 0;
}

TEST(HttpTarget, is_decoded) {
  EXPECT_EQ(target("/v1/models").path, "/v1/models");
  EXPECT_EQ(target("/a%20b+c").path, "/a b+c");
  EXPECT_EQ(target("/%c3%A9#there").path, "/é");
  EXPECT_EQ(target("http://localhost:7411/x?y=z").path, "/x");
  EXPECT_EQ(target("http://localhost:7411").path, "/");
  EXPECT_EQ(target("HTTP://localhost?q=1").query.at("q"), "1");
  const HttpRequest request = target("/x?a=1&b=%26+c&a=2&&flag&=e#f=g");
  const std::map<std::string, std::string> wanted = {{"a", "2"}, {"b", "& c"}, {"flag", ""}, {"", "e"}};
  EXPECT_EQ(request.path, "/x");
  EXPECT_EQ(request.query, wanted);
}

TEST(HttpTarget, is_refused_when_broken) {
  for (const char* text :
       {"", "x", "*", "/%", "/%4", "/%zz", "/%00", "/?%", "/?a=%0", "ftp://x/y", "http://h?%", "//%"})
    EXPECT_EQ(refused(text), 400) << text;
  HttpRequest options;
  options.method = "OPTIONS";
  EXPECT_FALSE(read_target("*", options));
  EXPECT_EQ(options.path, "*");
}

TEST(HttpHost, is_a_name_with_any_port) {
  const std::vector<std::string> names = {"localhost", "127.0.0.1", "[::1]"};
  for (const char* host : {"localhost", "LocalHost:7411", "127.0.0.1:1", "[::1]", "[::1]:80", "localhost:"})
    EXPECT_TRUE(host_is_one_of(host, names)) << host;
  for (const char* host : {"", "evil.example", "localhost.evil.example", "localhost:80:90", "localhost:x", "::1",
                           "[::1]x", "[::1", "127.0.0.1.nip.io", "localhost@evil"})
    EXPECT_FALSE(host_is_one_of(host, names)) << host;
}

TEST(HttpCors, speaks_to_allowed_origins_only) {
  HttpRequest request;
  request.headers = {{"oRiGiN", "https://app.example"}};
  EXPECT_TRUE(cors_headers(request, {}).empty());
  EXPECT_TRUE(cors_headers(request, {"https://other.example"}).empty());
  EXPECT_EQ(cors_headers(request, {"*"}), (HttpHeaders{{"Access-Control-Allow-Origin", "*"}}));
  EXPECT_EQ(cors_headers(request, {"https://other.example", "https://app.example"}),
            (HttpHeaders{{"Access-Control-Allow-Origin", "https://app.example"}, {"Vary", "Origin"}}));
  EXPECT_TRUE(cors_headers(HttpRequest{}, {"*"}).empty());
}

TEST(HttpError, is_json_whatever_it_quotes) {
  const auto json = parse_json(http_error_body({400, "got '\xff\"\n'"}), "test");
  ASSERT_TRUE(json) << json.message();
  EXPECT_EQ((*json)["error"]["type"], "invalid_request_error");
  EXPECT_EQ((*json)["error"]["message"], "got '\xef\xbf\xbd\"\n'");
  EXPECT_TRUE((*json)["error"]["param"].is_null());
  EXPECT_TRUE((*json)["error"]["code"].is_null());
}

TEST(Sse, events_are_lines) {
  EXPECT_EQ(sse_event("{}"), "data: {}\n\n");
  EXPECT_EQ(sse_event(""), "data: \n\n");
  EXPECT_EQ(sse_event("a\nb\r\nc\rd\n", "ping"), "event: ping\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
  EXPECT_EQ(sse_keep_alive(), ": keep-alive\n\n");
  EXPECT_EQ(sse_done(), "data: [DONE]\n\n");
}

}  // namespace
}  // namespace hearth
