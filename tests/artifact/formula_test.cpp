// Formulas: what parses, what it evaluates to, and the line each broken one earns.
#include "artifact/formula.h"

#include <gtest/gtest.h>

#include <random>

namespace hearth {
namespace {

const std::vector<std::string> kSizes = {"tokens", "rows", "kv.len"};

int64_t value_of(std::string_view text, std::vector<int64_t> sizes = {5, 3, 100}) {
  const auto formula = Formula::parse(text, kSizes);
  EXPECT_TRUE(formula.ok()) << text << (formula ? "" : formula.message());
  if (!formula) return INT64_MIN;
  EXPECT_EQ(formula->text(), text);
  const auto value = formula->evaluate(sizes);
  EXPECT_TRUE(value.ok()) << text;
  return value ? *value : INT64_MIN;
}

TEST(Formula, Evaluates) {
  EXPECT_EQ(value_of("7"), 7);
  EXPECT_EQ(value_of("tokens"), 5);
  EXPECT_EQ(value_of("(tokens + 7) / 8 * 4096"), 4096);
  EXPECT_EQ(value_of("tokens - rows - 1"), 1);
  EXPECT_EQ(value_of("tokens-(rows-1)"), 3);
  EXPECT_EQ(value_of("min(tokens, rows) * max(kv.len, 2)"), 300);
  EXPECT_EQ(value_of("min(max(tokens, rows), 4)"), 4);
  EXPECT_EQ(value_of("-7 / 2"), -4);  // floor
  EXPECT_EQ(value_of("-7 % 4"), 1);
  EXPECT_EQ(value_of("tokens + -5"), 0);
  EXPECT_EQ(value_of("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(*Formula().evaluate({}), 0);
}

TEST(Formula, RefusesBadText) {
  for (const char* text :
       {"", " ", "tokens +", "+ 1", "(tokens", "tokens)", "seqs", "min(1)", "min(1, 2, 3)", "1 2", "tokens rows",
        "9223372036854775808", "a$b", "min", "max + 1", "*", "1 + * 2", "tokens\n", "--1"}) {
    const auto formula = Formula::parse(text, kSizes);
    EXPECT_FALSE(formula.ok()) << text;
    if (!formula) {
      EXPECT_EQ(formula.message().rfind("formula: ", 0), 0u) << formula.message();
    }
  }
  EXPECT_FALSE(Formula::parse(std::string(100, '(') + "1" + std::string(100, ')'), kSizes).ok());
  EXPECT_FALSE(Formula::parse(std::string(5000, '1'), kSizes).ok());
  EXPECT_TRUE(Formula::parse(std::string(60, '(') + "1" + std::string(60, ')'), kSizes).ok());
}

TEST(Formula, ReportsWhatHasNoValue) {
  for (const char* text : {"1 / (tokens - 5)", "1 % (rows - 3)", "9223372036854775807 + tokens",
                           "-9223372036854775807 - tokens", "9223372036854775807 * rows",
                           "(-9223372036854775807 - 1) / (rows - 4)", "(-9223372036854775807 - 1) % (rows - 4)"}) {
    const auto formula = Formula::parse(text, kSizes);
    ASSERT_TRUE(formula.ok()) << text;
    EXPECT_FALSE(formula->evaluate(std::vector<int64_t>{5, 3, 100}).ok()) << text;
  }
}

// The deepest stack that nesting allows must fit the evaluator's.
TEST(Formula, DeepNestingFits) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "1 + 2 * min(3, ";
  text += "tokens";
  for (int i = 0; i < 60; ++i) text += ")";
  const auto formula = Formula::parse(text, kSizes);
  ASSERT_TRUE(formula.ok()) << formula.message();
  EXPECT_EQ(*formula->evaluate(std::vector<int64_t>{5, 3, 100}), 1 + 2 * 3);
}

TEST(Formula, RandomTextNeverCrashes) {
  std::mt19937 random(7);
  const std::string_view alphabet[] = {"tokens", "rows", "min(", "max(", "(", ")", ",", "+",
                                       "-",      "*",    "/",    "%",    "0", "9", " ", "x"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (int n = static_cast<int>(random() % 12); n >= 0; --n) text += alphabet[random() % std::size(alphabet)];
    const auto formula = Formula::parse(text, kSizes);
    if (formula) (void)formula->evaluate(std::vector<int64_t>{5, 0, INT64_MAX}).ok();
  }
}

}  // namespace
}  // namespace hearth
