// Reads what the head of a request says.
#include "server/http_request.h"

#include <algorithm>
#include <cctype>

#include "base/json.h"

namespace hearth {
namespace {

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Forms write a space as '+'.
std::optional<std::string> decode_query_part(std::string part) {
  std::replace(part.begin(), part.end(), '+', ' ');
  return percent_decode(part);
}

bool read_query(std::string_view text, std::map<std::string, std::string>& query) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const auto name = decode_query_part(std::string(pair.substr(0, equals)));
    const auto value = decode_query_part(std::string(pair.substr(std::min(pair.size(), equals + 1))));
    if (!name || !value) return false;
    query[*name] = *value;
  }
  return true;
}

struct Reason {
  int status;
  std::string_view text;
};
constexpr Reason kReasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {529, "Overloaded"},
};

}  // namespace

const std::string* HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_ignoring_case(key, name)) return &value;
  return nullptr;
}

std::string http_error_body(const HttpRefusal& refusal) {
  const char* type = refusal.status >= 500 ? "server_error" : "invalid_request_error";
  OrderedJson inner;
  inner["message"] = refusal.message;
  inner["type"] = type;
  inner["param"] = nullptr;
  inner["code"] = nullptr;
  OrderedJson outer;
  outer["error"] = std::move(inner);
  return outer.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string_view http_reason(int status) {
  for (const Reason& reason : kReasons)
    if (reason.status == status) return reason.text;
  return "";
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::optional<HttpRefusal> read_target(std::string_view target, HttpRequest& request) {
  if (target == "*" && request.method == "OPTIONS") {
    request.path = "*";
    return std::nullopt;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!same_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(std::min(target.find_first_of("/?", scheme.size()), target.size()));
    if (target.empty() || target[0] == '?') {  // http://host is http://host/
      request.path = "/";
      if (target.empty()) return std::nullopt;
      if (!read_query(target.substr(1), request.query)) return HttpRefusal{400, "request: got a query with a broken %"};
      return std::nullopt;
    }
    break;
  }
  target = target.substr(0, target.find('#'));
  if (target.empty() || target[0] != '/') return HttpRefusal{400, "request: got a target that is no path, want /..."};
  const size_t mark = std::min(target.find('?'), target.size());
  auto path = percent_decode(target.substr(0, mark));
  if (!path) return HttpRefusal{400, "request: got a path with a broken %, want two hex digits behind it and no %00"};
  request.path = std::move(*path);
  if (mark < target.size() && !read_query(target.substr(mark + 1), request.query))
    return HttpRefusal{400, "request: got a query with a broken %, want two hex digits behind it and no %00"};
  return std::nullopt;
}

bool host_is_one_of(std::string_view host, const std::vector<std::string>& names) {
  const size_t after_name = !host.empty() && host[0] == '[' ? host.find(']') : host.find(':');
  size_t end = std::min(after_name, host.size());
  if (end < host.size() && host[end] == ']') ++end;
  const std::string_view port = host.substr(end);
  if (!port.empty() && port[0] != ':') return false;
  if (port.find_first_not_of("0123456789", 1) != std::string_view::npos) return false;
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return same_ignoring_case(name, host.substr(0, end)); });
}

HttpHeaders cors_headers(const HttpRequest& request, const std::vector<std::string>& allowed_origins) {
  const std::string* origin = request.header("Origin");
  if (!origin || allowed_origins.empty()) return {};
  for (const std::string& allowed : allowed_origins) {
    if (allowed == "*") return {{"Access-Control-Allow-Origin", "*"}};
    if (same_ignoring_case(allowed, *origin)) return {{"Access-Control-Allow-Origin", *origin}, {"Vary", "Origin"}};
  }
  return {};
}

bool is_preflight(const HttpRequest& request) {
  return request.method == "OPTIONS" && request.header("Access-Control-Request-Method") != nullptr;
}

HttpHeaders preflight_headers(const HttpRequest& request) {
  HttpHeaders headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"},
                         {"Access-Control-Max-Age", "600"}};
  const std::string* wanted = request.header("Access-Control-Request-Headers");
  if (wanted) headers.emplace_back("Access-Control-Allow-Headers", *wanted);
  if (request.header("Access-Control-Request-Private-Network"))
    headers.emplace_back("Access-Control-Allow-Private-Network", "true");
  return headers;
}

}  // namespace hearth
