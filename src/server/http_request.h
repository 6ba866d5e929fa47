// What the head of a request says: its target taken apart, its host and origin judged; no sockets here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http.h"

namespace hearth {

// Why a request is not passed on.
struct HttpRefusal {
  int status = 0;
  std::string message;
};

// {"error":{"message":...,"type":...,"param":null,"code":null}}; the type follows from the status.
std::string http_error_body(const HttpRefusal& refusal);

// "Not Found" of 404; "" for what has no name.
std::string_view http_reason(int status);

// "a%20b" -> "a b"; nullopt where a % has no two hex digits behind it or the result holds a zero byte.
std::optional<std::string> percent_decode(std::string_view text);

// Fills path and query from "/a%20b?x=1", "http://host/a%20b?x=1" or "*".
std::optional<HttpRefusal> read_target(std::string_view target, HttpRequest& request);

// Is "localhost:7411" one of `names`, with any port or none?
bool host_is_one_of(std::string_view host, const std::vector<std::string>& names);

// What a reply to `request` must carry for a page of another origin to read it; empty where CORS is off or not meant.
HttpHeaders cors_headers(const HttpRequest& request, const std::vector<std::string>& allowed_origins);
// Is it the browser's own question before such a request? Only if cors_headers() is not empty.
bool is_preflight(const HttpRequest& request);
HttpHeaders preflight_headers(const HttpRequest& request);

}  // namespace hearth
