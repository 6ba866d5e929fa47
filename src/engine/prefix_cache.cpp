// PrefixCache: a node a page, children in the order of their ids, leaves in the order of their last use.
#include "engine/prefix_cache.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/check.h"

namespace hearth {
namespace {

using Ids = std::span<const int32_t>;

struct ById {
  using is_transparent = void;
  bool operator()(Ids a, Ids b) const { return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end()); }
};

struct Node {
  std::map<std::vector<int32_t>, Node*, ById> children;
  Node* parent = nullptr;                // null: a root, which has no page
  const std::vector<int32_t>* key = nullptr;     // in the parent's children
  int32_t page = -1;
  uint64_t used = 0;                     // the tick of its last use
};

int64_t common(Ids a, Ids b) {
  const size_t most = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + most, b.begin()).first - a.begin();
}

}  // namespace

struct PrefixCache::Impl {
  int64_t page_tokens, most_pages;
  std::map<int32_t, Node> roots;         // by adapter
  std::deque<Node> store;                // nodes never move
  std::vector<Node*> spare;
  std::set<std::pair<uint64_t, Node*>> leaves;
  uint64_t tick = 0;
  PrefixStats stats;

  void touch(Node* node);
  Node* add(Node* parent, Ids ids, int32_t page);
  void remove(Node* leaf);
  Node* best_partial(Node* node, Ids rest, int64_t* tokens) const;
  static void drop_beginnings(Pages& pages, Impl& self, Node* node, Ids ids);
};

// Ticks are unique, so that leaves are in one order everywhere.
void PrefixCache::Impl::touch(Node* node) {
  if (node->parent == nullptr) return;
  const bool leaf = leaves.erase({node->used, node}) > 0;
  node->used = ++tick;
  if (leaf) leaves.insert({node->used, node});
}

Node* PrefixCache::Impl::add(Node* parent, Ids ids, int32_t page) {
  if (spare.empty()) spare.push_back(&store.emplace_back());
  Node* node = spare.back();
  spare.pop_back();
  const auto [at, fresh] = parent->children.emplace(std::vector<int32_t>(ids.begin(), ids.end()), node);
  CHECK(fresh, "a node for ids that have one");
  if (parent->parent != nullptr) leaves.erase({parent->used, parent});
  *node = Node{{}, parent, &at->first, page, ++tick};
  leaves.insert({node->used, node});
  ++stats.pages;
  return node;
}

void PrefixCache::Impl::remove(Node* leaf) {
  CHECK(leaf->children.empty() && leaf->parent != nullptr, "only leaves can go");
  leaves.erase({leaf->used, leaf});
  Node* parent = leaf->parent;
  parent->children.erase(parent->children.find(*leaf->key));
  if (parent->parent != nullptr && parent->children.empty()) leaves.insert({parent->used, parent});
  *leaf = Node{};
  spare.push_back(leaf);
  --stats.pages;
}

// The child that shares most ids at its beginning is a neighbour of where `rest` itself would stand.
Node* PrefixCache::Impl::best_partial(Node* node, Ids rest, int64_t* tokens) const {
  *tokens = 0;
  Node* best = nullptr;
  const auto look = [&](const auto& at) {
    const int64_t shared = common(at->first, rest);
    if (shared <= *tokens) return;
    *tokens = shared;
    best = at->second;
  };
  auto at = node->children.lower_bound(rest);
  if (at != node->children.end()) look(at);
  if (at != node->children.begin()) look(--at);
  return best;
}

// Pages that are not full and hold nothing beyond `ids` are no use beside a page of `ids`.
void PrefixCache::Impl::drop_beginnings(Pages& pages, Impl& self, Node* node, Ids ids) {
  for (;;) {
    auto at = node->children.lower_bound(ids);
    if (at == node->children.begin()) return;
    --at;
    if (common(at->first, ids) < static_cast<int64_t>(at->first.size())) return;
    pages.uncache(at->second->page);
    self.remove(at->second);
  }
}

PrefixCache::PrefixCache(Pages& pages, int64_t page_tokens, int64_t most_pages)
    : pages_(pages), impl_(new Impl{.page_tokens = page_tokens, .most_pages = most_pages}) {}
PrefixCache::~PrefixCache() { clear(); }

PrefixMatch PrefixCache::match(Ids ids, int32_t adapter, int64_t have, Lookup lookup) {
  Impl& self = *impl_;
  PrefixMatch match;
  if (lookup == Lookup::first) {
    ++self.stats.lookups;
    self.stats.tokens_asked += static_cast<int64_t>(ids.size());
  }
  const auto root = self.roots.find(adapter);
  if (root == self.roots.end() || ids.empty()) return match;
  Ids rest = ids.first(ids.size() - 1);
  Node* node = &root->second;
  int64_t depth = 0;
  for (; static_cast<int64_t>(rest.size()) >= self.page_tokens; ++depth) {
    const auto at = node->children.find(rest.first(self.page_tokens));
    if (at == node->children.end()) break;
    node = at->second;
    self.touch(node);
    rest = rest.subspan(self.page_tokens);
    if (depth < have) continue;
    pages_.hold(node->page);
    match.pages.push_back(node->page);
  }
  self.stats.tokens_hit += static_cast<int64_t>(match.pages.size()) * self.page_tokens;
  if (depth < have || rest.empty()) return match;
  Node* partial = self.best_partial(node, rest, &match.partial_tokens);
  if (partial == nullptr) return match;
  self.touch(partial);
  match.partial = partial->page;
  pages_.hold(partial->page);
  self.stats.tokens_hit += match.partial_tokens;
  return match;
}

void PrefixCache::insert(Ids ids, std::span<int32_t> pages, int32_t adapter) {
  Impl& self = *impl_;
  Node* node = &self.roots[adapter];
  for (size_t i = 0; i < pages.size() && !ids.empty(); ++i) {
    const Ids key = ids.first(std::min<size_t>(ids.size(), self.page_tokens));
    ids = ids.subspan(key.size());
    const bool whole = static_cast<int64_t>(key.size()) == self.page_tokens;
    const auto at = node->children.find(key);
    if (at != node->children.end()) {
      node = at->second;
      self.touch(node);
      if (node->page == pages[i] || !whole) continue;
      pages_.hold(node->page);
      pages_.release(pages[i]);
      pages[i] = node->page;
      continue;
    }
    if (!whole) {
      int64_t shared = 0;
      if (self.best_partial(node, key, &shared) != nullptr && shared == static_cast<int64_t>(key.size())) return;
    }
    if (self.stats.pages >= self.most_pages && evict(1) == 0) return;
    pages_.cache(pages[i]);
    node = self.add(node, key, pages[i]);
    Impl::drop_beginnings(pages_, self, node->parent, key);
  }
}

int64_t PrefixCache::evict(int64_t count) {
  Impl& self = *impl_;
  int64_t freed = 0;
  while (freed < count && pages_.idle() > 0) {
    const auto at = std::find_if(self.leaves.begin(), self.leaves.end(),
                                 [&](const auto& leaf) { return pages_.holders(leaf.second->page) == 1; });
    if (at == self.leaves.end()) break;
    Node* leaf = at->second;
    pages_.uncache(leaf->page);
    self.remove(leaf);
    ++self.stats.evicted_pages;
    ++freed;
  }
  return freed;
}

void PrefixCache::clear() {
  Impl& self = *impl_;
  while (!self.leaves.empty()) {
    Node* leaf = self.leaves.begin()->second;
    pages_.uncache(leaf->page);
    self.remove(leaf);
  }
}

const PrefixStats& PrefixCache::stats() const { return impl_->stats; }

}  // namespace hearth
