// PrefixCache: a radix tree from beginnings of prompts to the KV pages that hold them.
//
// Edges are whole pages of ids; a page in the tree is held by the tree and never written again. Prompts that begin alike share
// pages, whoever asked; adapters have trees of their own. Pages that nobody else holds are given back least recently used first,
// leaves before their parents. A match that ends inside a page offers that page for copying; so the last page of an answer,
// though not full, is worth keeping: it is a leaf that only offers itself for copying.
//
// Law: who holds a page of the tree holds all pages above it. So a page that only the tree holds has no held ones below it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/pages.h"

namespace hearth {

struct PrefixMatch {
  std::vector<int32_t> pages;            // whole pages that match, one holder added to each
  int32_t partial = -1;                  // a page whose first partial_tokens match as well (a holder added), or -1
  int64_t partial_tokens = 0;
};

struct PrefixStats {
  int64_t pages = 0;                     // held by the tree
  int64_t lookups = 0, tokens_asked = 0, tokens_hit = 0;
  int64_t evicted_pages = 0;
};

enum class Lookup { first, again };      // of a prompt: what was asked is counted once

class PrefixCache {
 public:
  PrefixCache(Pages& pages, int64_t page_tokens, int64_t most_pages);
  ~PrefixCache();

  // The longest cached beginning of `ids`, at most ids.size() - 1 tokens (one must be computed for its logits).
  // `have`: whole pages that the caller holds already; only what comes after them is given and counted.
  PrefixMatch match(std::span<const int32_t> ids, int32_t adapter = -1, int64_t have = 0, Lookup lookup = Lookup::first);
  // Remembers `ids`, whose physical pages are `pages` in order (the last may be not full). Where the tree has a page of the same
  // ids already, that page takes the place of the caller's in `pages`: equal prefixes end in one place.
  void insert(std::span<const int32_t> ids, std::span<int32_t> pages, int32_t adapter = -1);
  // Gives back at least `count` pages to `Pages` if it can; says how many became free.
  int64_t evict(int64_t count);
  int64_t evictable() const { return pages_.idle(); }    // pages that only the tree holds
  void clear();
  const PrefixStats& stats() const;

 private:
  struct Impl;
  Pages& pages_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
