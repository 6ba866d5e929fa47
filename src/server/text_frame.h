// TextFrame: an event of a stream whose text alone changes from token to token, put into words once.
#pragma once

#include <string>
#include <string_view>

#include "base/check.h"
#include "base/json.h"

namespace hearth {

// Made from the whole event with kMark where the text goes; nothing behind the text may hold the mark by chance.
// TextFrame("data: {\"text\":\"" + mark + "\"}\n\n").with("a") -> "data: {\"text\":\"a\"}\n\n"
class TextFrame {
 public:
  static constexpr std::string_view kMark = "(text)";

  explicit TextFrame(std::string_view event) {
    const size_t at = event.rfind(kMark);
    CHECK(at != std::string_view::npos && at > 0, "an event without a place for its text");
    before_ = event.substr(0, at - 1);  // the text brings its quotes
    after_ = event.substr(at + kMark.size() + 1);
  }

  std::string with(const std::string& text) const {
    std::string event = before_;
    event.reserve(before_.size() + after_.size() + text.size() + 16);
    return event.append(dump(Json(text))).append(after_);
  }

 private:
  std::string before_, after_;
};

}  // namespace hearth
