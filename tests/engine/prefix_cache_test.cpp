// Pages and the prefix cache against a slow truth: random prompts, holders counted, least recently used goes first.
#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace hearth {
namespace {

constexpr int64_t kTokens = 4;

std::vector<int32_t> take(Pages& pages, int64_t count) {
  std::vector<int32_t> taken;
  for (int64_t i = 0; i < count; ++i) taken.push_back(pages.take().value());
  return taken;
}

void release(Pages& pages, const std::vector<int32_t>& held) {
  for (const int32_t page : held) pages.release(page);
}

TEST(Pages, are_free_when_nobody_holds_them) {
  Pages pages(3);
  const int32_t first = *pages.take(), second = *pages.take();
  pages.hold(first);
  pages.release(first);
  EXPECT_EQ(pages.holders(first), 1);
  pages.cache(first);
  EXPECT_EQ(pages.idle(), 0);
  pages.release(first);
  EXPECT_EQ(pages.idle(), 1);
  pages.hold(first);
  EXPECT_EQ(pages.idle(), 0);
  pages.release(first);
  pages.uncache(first);
  EXPECT_EQ(pages.free(), 2);
  EXPECT_EQ(*pages.take(), first);                      // freed last, used first
  pages.release(second);
  EXPECT_EQ(pages.free(), 2);
  EXPECT_TRUE(pages.take() && pages.take());
  EXPECT_FALSE(pages.take());
}

TEST(PrefixCache, matches_whole_pages_and_offers_a_part) {
  Pages pages(20);
  PrefixCache cache(pages, kTokens, 20);
  const std::vector<int32_t> ids = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  std::vector<int32_t> held = take(pages, 3);
  cache.insert(ids, held);
  PrefixMatch match = cache.match(ids);
  EXPECT_EQ(match.pages, (std::vector<int32_t>{held[0], held[1]}));
  EXPECT_EQ(match.partial, held[2]);
  EXPECT_EQ(match.partial_tokens, 1);                   // the last id must be computed
  EXPECT_EQ(pages.holders(held[1]), 3);
  release(pages, match.pages);
  pages.release(match.partial);
  match = cache.match(std::vector<int32_t>{1, 2, 3, 4, 5, 6, 99, 98});
  EXPECT_EQ(match.pages.size(), 1u);
  EXPECT_EQ(match.partial, held[1]);
  EXPECT_EQ(match.partial_tokens, 2);
  release(pages, match.pages);
  pages.release(match.partial);
  EXPECT_TRUE(cache.match(ids, 1).pages.empty());       // another adapter's tree
  EXPECT_EQ(cache.stats().lookups, 3);
  EXPECT_EQ(cache.stats().tokens_hit, 9 + 6);
  release(pages, held);
  EXPECT_EQ(cache.evictable(), 3);
  cache.clear();
  EXPECT_EQ(pages.free(), 20);
}

TEST(PrefixCache, a_fuller_page_takes_the_place_of_its_beginning) {
  Pages pages(20);
  PrefixCache cache(pages, kTokens, 20);
  std::vector<int32_t> part = take(pages, 1), whole = take(pages, 1);
  cache.insert(std::vector<int32_t>{1, 2}, part);
  EXPECT_EQ(cache.stats().pages, 1);
  cache.insert(std::vector<int32_t>{1, 2, 3, 4}, whole);
  EXPECT_EQ(cache.stats().pages, 1);
  cache.insert(std::vector<int32_t>{1, 2, 3}, part);
  EXPECT_EQ(cache.stats().pages, 1);
  release(pages, part);
  release(pages, whole);
  EXPECT_EQ(pages.idle(), 1);
}

TEST(PrefixCache, equal_pages_end_in_one_place) {
  Pages pages(20);
  PrefixCache cache(pages, kTokens, 20);
  const std::vector<int32_t> ids = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<int32_t> first = take(pages, 2), second = take(pages, 2);
  cache.insert(ids, first);
  cache.insert(ids, second);
  EXPECT_EQ(second, first);
  EXPECT_EQ(pages.free(), 18);
  release(pages, first);
  release(pages, second);
  EXPECT_EQ(cache.evictable(), 2);
}

TEST(PrefixCache, gives_back_the_least_recently_used_first) {
  Pages pages(20);
  PrefixCache cache(pages, kTokens, 3);
  const std::vector<int32_t> a = {1, 1, 1, 1, 9}, b = {2, 2, 2, 2, 9}, c = {3, 3, 3, 3, 9}, d = {4, 4, 4, 4, 9};
  for (const auto* ids : {&a, &b, &c}) {
    std::vector<int32_t> held = take(pages, 1);
    cache.insert(std::span(*ids).first(4), held);
    release(pages, held);
  }
  release(pages, cache.match(a).pages);
  std::vector<int32_t> held = take(pages, 1);
  cache.insert(std::span(d).first(4), held);            // the bound: b goes
  release(pages, held);
  EXPECT_EQ(cache.stats().pages, 3);
  EXPECT_TRUE(cache.match(b).pages.empty());
  EXPECT_EQ(cache.evict(1), 1);                         // then c
  EXPECT_TRUE(cache.match(c).pages.empty());
  const PrefixMatch match = cache.match(a);
  EXPECT_EQ(match.pages.size(), 1u);
  EXPECT_EQ(cache.evict(5), 1);                         // a is held
  EXPECT_EQ(cache.stats().evicted_pages, 3);
  release(pages, match.pages);
}

// What a page holds is known by its ids; a match must give pages of just these ids.
TEST(PrefixCache, agrees_with_a_slow_truth) {
  Pages pages(60);
  std::mt19937 random(1);
  {
    PrefixCache cache(pages, kTokens, 40);
    std::map<int32_t, std::vector<int32_t>> content;      // page -> all ids up to its end
    std::vector<std::vector<int32_t>> at_work;
    for (int round = 0; round < 3000; ++round) {
      std::vector<int32_t> ids;
      for (uint32_t n = 1 + random() % 24; n > 0; --n) ids.push_back(static_cast<int32_t>(random() % 2));
      const PrefixMatch match = cache.match(ids);
      ASSERT_LT(match.pages.size() * kTokens + static_cast<size_t>(match.partial_tokens), ids.size());
      for (size_t i = 0; i < match.pages.size(); ++i) {
        ASSERT_EQ(content[match.pages[i]], std::vector<int32_t>(ids.begin(), ids.begin() + (i + 1) * kTokens));
      }
      const auto certain = static_cast<int64_t>(match.pages.size()) * kTokens + match.partial_tokens;
      if (match.partial >= 0) {
        const auto& held = content[match.partial];
        ASSERT_TRUE(std::equal(ids.begin(), ids.begin() + certain, held.begin()));
        pages.release(match.partial);
      }
      std::vector<int32_t> held = match.pages;
      const size_t needed = (ids.size() + kTokens - 1) / kTokens;
      if (pages.free() < static_cast<int32_t>(needed)) cache.evict(static_cast<int64_t>(needed));
      while (held.size() < needed && pages.free() > 0) {
        held.push_back(*pages.take());
        const size_t end = std::min(ids.size(), held.size() * kTokens);
        content[held.back()] = {ids.begin(), ids.begin() + end};
      }
      const size_t known = std::min(ids.size(), held.size() * kTokens);
      cache.insert(std::span(ids).first(known), held);
      at_work.push_back(held);
      while (at_work.size() > 4 || pages.free() < 6) {
        if (at_work.empty()) break;
        release(pages, at_work.front());
        at_work.erase(at_work.begin());
      }
      ASSERT_LE(cache.stats().pages, 40);
      ASSERT_EQ(cache.evict(0), 0);
    }
    for (const auto& held : at_work) release(pages, held);
    EXPECT_EQ(cache.evictable(), cache.stats().pages);
    EXPECT_GT(cache.stats().tokens_hit, 5000);
  }
  EXPECT_EQ(pages.free(), 60);
}

}  // namespace
}  // namespace hearth
