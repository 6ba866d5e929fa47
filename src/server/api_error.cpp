// ApiError: statuses, types and codes as OpenAI's API has them.
#include "server/api_error.h"

namespace hearth {
namespace {

struct TypeOfStatus {
  int status;
  const char* type;
};
constexpr TypeOfStatus kTypes[] = {{401, "authentication_error"}, {403, "permission_error"},  {404, "invalid_request_error"},
                                   {429, "rate_limit_error"},     {500, "server_error"},      {503, "overloaded_error"}};

OrderedJson text_or_null(const std::string& text) { return text.empty() ? OrderedJson(nullptr) : OrderedJson(text); }

}  // namespace

std::string ApiError::type() const {
  for (const TypeOfStatus& entry : kTypes) {
    if (entry.status == status) return entry.type;
  }
  return "invalid_request_error";
}

ApiError bad_request(std::string message, std::string param) {
  return {.status = 400, .message = std::move(message), .param = std::move(param)};
}
ApiError not_found(std::string message, std::string code) {
  return {.status = 404, .message = std::move(message), .code = std::move(code)};
}
ApiError too_busy(std::string message) {
  return {.status = 429, .message = std::move(message), .code = "rate_limit_exceeded", .retry_after_s = 1};
}
ApiError server_failure(std::string message) { return {.status = 500, .message = std::move(message)}; }

ApiError server_stops() { return {.status = 503, .message = "the server is stopping"}; }

OrderedJson to_json(const ApiError& error) {
  return {{"error",
           {{"message", error.message},
            {"type", error.type()},
            {"param", text_or_null(error.param)},
            {"code", text_or_null(error.code)}}}};
}

void send_error(HttpReply& reply, const ApiError& error) { send_json(reply, to_json(error), error.status, headers_of(error)); }

HttpHeaders headers_of(const ApiError& error) {
  HttpHeaders headers;
  if (error.retry_after_s > 0) headers.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  if (error.status == 401) headers.emplace_back("WWW-Authenticate", "Bearer");
  return headers;
}

void send_json(HttpReply& reply, const OrderedJson& value, int status, HttpHeaders headers) {
  reply.send(status, "application/json", dump(value), std::move(headers));
}

std::string dump(const OrderedJson& value) { return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace); }

}  // namespace hearth
