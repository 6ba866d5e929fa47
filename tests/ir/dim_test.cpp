// Dims: folding, text, evaluation against plain integers.
#include "ir/dim.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace hearth {
namespace {

TEST(Dim, FoldsAndPrints) {
  Dim t = Dim::size("tokens"), r = Dim::size("rows");
  EXPECT_EQ((ceil_div(t, 8) * 4096).text(), "(tokens + 7) / 8 * 4096");
  EXPECT_EQ((t + 0).text(), "tokens");
  EXPECT_EQ((3 + t + 4).text(), "tokens + 7");
  EXPECT_EQ((t * 0 + 5).text(), "5");
  EXPECT_EQ((t * 4 / 4).text(), "tokens");
  EXPECT_EQ((t * 6 / 3).text(), "tokens * 2");
  EXPECT_EQ((t * 8 % 4).text(), "0");
  EXPECT_EQ((t - 3).text(), "tokens - 3");
  EXPECT_EQ((t - t).text(), "0");
  EXPECT_EQ((t - (r - 1)).text(), "tokens - (rows - 1)");
  EXPECT_EQ((Dim(-7) / 2).text(), "-4");
  EXPECT_EQ((Dim(-7) % 2).text(), "1");
  EXPECT_EQ(min(t, max(r, 3)).text(), "min(tokens, max(rows, 3))");
  EXPECT_EQ((t / (r * 2)).text(), "tokens / (rows * 2)");
  EXPECT_EQ((t / r * 2).text(), "tokens / rows * 2");
  EXPECT_EQ((Dim(INT64_MAX) + 1).text(), "9223372036854775807 + 1");  // no value: kept as it is
}

TEST(Dim, EvaluatesOrSaysItCannot) {
  Dim t = Dim::size("t"), r = Dim::size("r");
  EXPECT_EQ((t / r).evaluate({{"t", -7}, {"r", 2}}), -4);
  EXPECT_EQ((t % r).evaluate({{"t", -7}, {"r", 2}}), 1);
  EXPECT_EQ((t / r).evaluate({{"t", 1}, {"r", 0}}), std::nullopt);
  EXPECT_EQ((t / r).evaluate({{"t", 1}}), std::nullopt);
  EXPECT_EQ((t * r).evaluate({{"t", INT64_MAX}, {"r", 2}}), std::nullopt);
  EXPECT_EQ((t / r).evaluate({{"t", INT64_MIN}, {"r", -1}}), std::nullopt);
}

TEST(Dim, UpperBound) {
  std::vector<SizeDecl> sizes = {{"tokens", 1, 512}, {"pages", 0, 64}};
  Dim t = Dim::size("tokens"), p = Dim::size("pages");
  EXPECT_EQ((ceil_div(t, 8) * 4096).upper_bound(sizes), 64 * 4096);
  EXPECT_EQ((t - p).upper_bound(sizes), 512);
  EXPECT_EQ(max(t * 2, p * 100).upper_bound(sizes), 6400);
  EXPECT_EQ((t % 100).upper_bound(sizes), 99);
  EXPECT_EQ((t / max(p, 1)).upper_bound(sizes), 512);
}

TEST(Dim, BadTextIsAnError) {
  for (const char* text : {"", "1 +", "(1", "1)", "min(1)", "a b", "99999999999999999999", "$", "1 ** 2", "max(1, 2"}) {
    EXPECT_FALSE(parse_dim(text).ok()) << text;
  }
  EXPECT_EQ(parse_dim("a + $").message(), "dim 'a + $': column 5: got '$', want a number, a size, '(', min or max");
  EXPECT_FALSE(parse_dim(std::string(100000, '(')).ok());
}

// A random dim built twice: by Dim, and as a plain calculation on numbers.
struct Both {
  Dim dim;
  std::optional<int64_t> value;
};

std::optional<int64_t> plain(DimKind kind, int64_t a, int64_t b) {
  auto floor = [](int64_t x, int64_t y) { return static_cast<int64_t>(std::floor(static_cast<long double>(x) / y)); };
  switch (kind) {
    case DimKind::add:
      return a + b;
    case DimKind::sub:
      return a - b;
    case DimKind::mul:
      return a * b;
    case DimKind::div:
      return b == 0 ? std::nullopt : std::optional(floor(a, b));
    case DimKind::mod:
      return b == 0 ? std::nullopt : std::optional(a - b * floor(a, b));
    case DimKind::min:
      return std::min(a, b);
    default:
      return std::max(a, b);
  }
}

Both random_dim(std::mt19937& random, const std::map<std::string, int64_t>& sizes, int depth) {
  if (depth == 0 || random() % 6 == 0) {
    if (random() % 2) {
      int64_t value = static_cast<int64_t>(random() % 13) - 3;
      return {Dim(value), value};
    }
    auto it = std::next(sizes.begin(), static_cast<long>(random() % sizes.size()));
    return {Dim::size(it->first), it->second};
  }
  auto kind = static_cast<DimKind>(static_cast<int>(DimKind::add) + static_cast<int>(random() % 7));
  Both a = random_dim(random, sizes, depth - 1), b = random_dim(random, sizes, depth - 1);
  return {Dim::make(kind, a.dim, b.dim), a.value && b.value ? plain(kind, *a.value, *b.value) : std::nullopt};
}

TEST(Dim, AgreesWithPlainIntegersAndItsOwnText) {
  std::mt19937 random(3);
  int with_value = 0;
  for (int i = 0; i < 20000; i++) {
    std::map<std::string, int64_t> sizes = {{"a", static_cast<int64_t>(random() % 40)},
                                            {"b", static_cast<int64_t>(random() % 9) - 4}};
    Both both = random_dim(random, sizes, static_cast<int>(random() % 5));
    auto again = parse_dim(both.dim.text());
    ASSERT_TRUE(again.ok()) << again.message();
    ASSERT_EQ(again->text(), both.dim.text());
    ASSERT_TRUE(*again == both.dim) << both.dim.text();
    if (!both.value) continue;  // folding may give a value where a plain calculation divides by zero
    with_value++;
    ASSERT_EQ(both.dim.evaluate(sizes), both.value) << both.dim.text();
  }
  EXPECT_GT(with_value, 10000);
}

}  // namespace
}  // namespace hearth
