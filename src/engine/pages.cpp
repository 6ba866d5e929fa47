// Pages: a count of holders a page, and a stack of free ones.
#include "engine/pages.h"

#include "base/check.h"

namespace hearth {

Pages::Pages(int32_t count) : holders_(count, 0), cached_(count, false) {
  free_.reserve(count);
  for (int32_t page = count - 1; page >= 0; --page) free_.push_back(page);
}

void Pages::add(int32_t page, int32_t holders) {
  if (cached_[page] && holders_[page] == 1) --idle_;
  holders_[page] += holders;
  if (cached_[page] && holders_[page] == 1) ++idle_;
  CHECK(holders_[page] >= (cached_[page] ? 1 : 0), "page {} has {} holders", page, holders_[page]);
  if (holders_[page] == 0) free_.push_back(page);
}

std::optional<int32_t> Pages::take() {
  if (free_.empty()) return std::nullopt;
  const int32_t page = free_.back();
  free_.pop_back();
  holders_[page] = 1;
  return page;
}

void Pages::hold(int32_t page) {
  CHECK(holders_[page] > 0, "page {} is free, it cannot be held by one more", page);
  add(page, 1);
}

void Pages::release(int32_t page) { add(page, -1); }

void Pages::cache(int32_t page) {
  CHECK(holders_[page] > 0 && !cached_[page], "page {} is free or cached already", page);
  ++holders_[page];
  cached_[page] = true;
}

void Pages::uncache(int32_t page) {
  CHECK(cached_[page], "page {} is not cached", page);
  if (holders_[page] == 1) --idle_;
  cached_[page] = false;
  add(page, -1);
}

}  // namespace hearth
