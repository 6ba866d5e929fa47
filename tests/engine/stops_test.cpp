// Stop strings: whatever the cuts between pieces, the text up to the first match is shown and nothing of it later.
#include "engine/stops.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

std::string shown(const std::string& text, const std::vector<std::string>& stop, size_t piece, bool* matched) {
  Stops stops(stop);
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) out += stops.add(text.substr(at, piece));
  *matched = stops.matched();
  return out + stops.finish();
}

TEST(Stops, cut_the_same_whatever_the_pieces) {
  struct Case {
    std::string text;
    std::vector<std::string> stop;
    std::string shown;
    bool matched;
  };
  for (const Case& c : {Case{"aab aabaac!", {"aabaac"}, "aab ", true}, Case{"one two three", {"four"}, "one two three", false},
                        Case{"hello\n\nworld", {"\n\n", "lo\nX"}, "hello", true}, Case{"xyz", {""}, "xyz", false},
                        Case{"ends with sto", {"stop"}, "ends with sto", false}, Case{"stop", {"stop"}, "", true},
                        Case{"abcabd", {"abd"}, "abc", true}}) {
    for (size_t piece = 1; piece <= c.text.size(); ++piece) {
      bool matched = false;
      EXPECT_EQ(shown(c.text, c.stop, piece, &matched), c.shown) << piece;
      EXPECT_EQ(matched, c.matched);
    }
  }
}

TEST(Stops, show_what_is_certain_at_once) {
  Stops stops({"END"});
  EXPECT_EQ(stops.add("the E"), "the ");
  EXPECT_EQ(stops.add("N"), "");
  EXPECT_EQ(stops.add("x"), "ENx");
}

}  // namespace
}  // namespace hearth
