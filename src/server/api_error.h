// ApiError: what an API says when it cannot do what was asked, in OpenAI's words; dialects may say it otherwise.
#pragma once

#include <string>
#include <variant>

#include "base/json.h"
#include "server/http.h"

namespace hearth {

struct ApiError {
  int status = 400;
  std::string message;                   // one line: what was found, what was expected
  std::string param;                     // the field it is about, "": none
  std::string code;                      // "model_not_found", "": none
  int retry_after_s = 0;                 // 0: not said

  std::string type() const;              // "invalid_request_error", "rate_limit_error", ... by status
};

ApiError bad_request(std::string message, std::string param = "");
ApiError not_found(std::string message, std::string code = "");
ApiError too_busy(std::string message);
ApiError server_failure(std::string message);
ApiError server_stops();

// {"error": {"message", "type", "param", "code"}}
OrderedJson to_json(const ApiError& error);
HttpHeaders headers_of(const ApiError& error);         // Retry-After, WWW-Authenticate
void send_error(HttpReply& reply, const ApiError& error);
void send_json(HttpReply& reply, const OrderedJson& value, int status = 200, HttpHeaders headers = {});

// Compact text; bytes that are no UTF-8 become U+FFFD.
std::string dump(const OrderedJson& value);

// A value, or what to answer instead.
template <class T>
class [[nodiscard]] ApiResult {
 public:
  ApiResult(T value) : state_(std::in_place_index<0>, std::move(value)) {}              // NOLINT: implicit on purpose
  ApiResult(ApiError failure) : state_(std::in_place_index<1>, std::move(failure)) {}   // NOLINT
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const ApiError& failure() const { return std::get<1>(state_); }      // TRY() works with it

 private:
  std::variant<T, ApiError> state_;
};

}  // namespace hearth
