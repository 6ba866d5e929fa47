// Fields: reads an object of a request's body; the first field that is wrong, unknown or missing is remembered by its name.
//
// Reading goes on after a failure with fallbacks, so a reader is a plain list of lines; done() at its end says what was wrong.
// null counts as absent, as OpenAI's clients send it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"

namespace hearth {

struct Between {
  double least, most;
};
inline constexpr double kMostTokens = 1 << 30;  // of fields that count tokens

class Fields {
 public:
  // `where`: the object's own path, "" for the body. `object` must outlive this.
  explicit Fields(const OrderedJson& object, std::string where = "");

  bool has(const std::string& key) const;                // there, and not null
  std::string text(const std::string& key, std::string fallback = "");
  std::string need_text(const std::string& key);
  int64_t integer(const std::string& key, int64_t fallback, Between range);
  double number(const std::string& key, double fallback, Between range);
  bool flag(const std::string& key, bool fallback);
  std::string one_of(const std::string& key, std::string fallback, const std::vector<std::string>& allowed);
  std::vector<std::string> texts(const std::string& key);        // a text or a list of texts
  const OrderedJson* object(const std::string& key);     // nullptr: absent
  const OrderedJson* list(const std::string& key);
  const OrderedJson* any(const std::string& key);        // of whatever type
  void ignore(std::initializer_list<const char*> keys);  // known fields without effect here

  void fail(const std::string& key, const std::string& message);        // the caller found `key` wrong
  void fail(ApiError error);
  std::string path(const std::string& key) const;        // "messages[0].content"
  bool failed() const { return error_.has_value(); }
  // The failure, or the first field that nobody read.
  std::optional<ApiError> done();

 private:
  const OrderedJson* find(const std::string& key);
  void wrong_type(const std::string& key, const OrderedJson& value, const char* want);

  const OrderedJson& object_;
  std::string where_;
  std::set<std::string, std::less<>> known_;
  std::optional<ApiError> error_;
};

// The body as an object, or a 400 that says where it stops being JSON.
ApiResult<OrderedJson> read_body(const HttpRequest& request);

}  // namespace hearth
