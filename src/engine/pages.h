// Pages: which physical KV pages are free, and who holds the others; a page may have several holders.
//
// A page holds the keys and values of page_tokens positions in every layer. Who writes into a page must be its only holder:
// otherwise it takes a copy first (copy on write). The page freed last is used first, so memory that was never needed is
// never touched.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace hearth {

class Pages {
 public:
  explicit Pages(int32_t count);

  std::optional<int32_t> take();         // a page with one holder; nullopt: all are held
  void hold(int32_t page);               // one more holder of a held page
  void release(int32_t page);            // one holder less; at none it is free
  // The cache holds a page as well, or no more. Not twice the same page.
  void cache(int32_t page);
  void uncache(int32_t page);

  int32_t holders(int32_t page) const { return holders_[page]; }
  int32_t count() const { return static_cast<int32_t>(holders_.size()); }
  int32_t free() const { return static_cast<int32_t>(free_.size()); }
  int32_t idle() const { return idle_; }         // pages that only the cache holds

 private:
  void add(int32_t page, int32_t holders);

  std::vector<int32_t> holders_;
  std::vector<bool> cached_;
  std::vector<int32_t> free_;            // the last goes first
  int32_t idle_ = 0;
};

}  // namespace hearth
