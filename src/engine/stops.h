// Stops: watches text for stop strings; text that may begin one is held back until it is certain.
#pragma once

#include <string>
#include <vector>

namespace hearth {

class Stops {
 public:
  explicit Stops(std::vector<std::string> stops);      // empty strings never match

  // Takes new text; returns what is certain not to belong to a stop string.
  std::string add(const std::string& text);
  // What was held back; nothing after a match.
  std::string finish();
  bool matched() const { return matched_; }
  const std::string& matched_stop() const { return matched_stop_; }      // the one that starts first, of those the longest

 private:
  std::vector<std::string> stops_;
  std::string held_, matched_stop_;
  bool matched_ = false;
};

}  // namespace hearth
