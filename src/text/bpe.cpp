// Bpe: merging. Short pieces scan for the best pair, long ones keep a heap; both give the same ids.
#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <queue>

#include "text/utf8.h"

namespace hearth {

namespace {

constexpr uint32_t kNoRank = ~0U;
constexpr size_t kFewSymbols = 48;
constexpr size_t kCachedBytes = 128;
constexpr size_t kCachedPieces = 1 << 16;

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

void Merges::reserve(size_t pairs) { slots_.assign(std::bit_ceil(std::max<size_t>(16, pairs * 2)), {}); }

size_t Merges::place_of(uint64_t pair) const {
  size_t mask = slots_.size() - 1;
  uint64_t hash = pair * 0x9E3779B97F4A7C15;
  size_t at = (hash ^ hash >> 32) & mask;
  while (slots_[at].pair != pair && slots_[at].pair != ~0ULL) at = (at + 1) & mask;
  return at;
}

// reserve() has made room for every pair that is added.
void Merges::add(int32_t left, int32_t right, Merge merge) {
  Slot& slot = slots_[place_of(pair_key(left, right))];
  slot = {pair_key(left, right), merge};
}

const Merges::Merge* Merges::find(int32_t left, int32_t right) const {
  const Slot& slot = slots_[place_of(pair_key(left, right))];
  return slot.pair == ~0ULL ? nullptr : &slot.merge;
}

int32_t Bpe::char_id(std::string_view c, bool first, bool last) const {
  bool prefixed = !first && !prefix_.empty(), suffixed = last && !suffix_.empty();
  if (prefixed || suffixed) {
    std::string spelling;
    if (prefixed) spelling += prefix_;
    spelling += c;
    if (suffixed) spelling += suffix_;
    return vocabulary_.find(spelling);
  }
  if (c.size() <= 2) {
    size_t at = 0;
    char32_t code = next_char(c, at);
    if (code < low_char_ids_.size()) return low_char_ids_[code];
  }
  return vocabulary_.find(c);
}

// One symbol a character; unknown characters become their bytes, or the unknown token, or nothing.
void Bpe::first_symbols(std::string_view piece, std::vector<int32_t>& symbols) const {
  bool unknown_waits = false;
  for (size_t at = 0; at < piece.size();) {
    size_t begin = at;
    next_char(piece, at);
    std::string_view c = piece.substr(begin, at - begin);
    bool first = begin == 0, last = at == piece.size();
    int32_t id = char_id(c, first, last);
    if (id >= 0) {
      if (unknown_waits) symbols.push_back(unknown_);
      unknown_waits = false;
      symbols.push_back(id);
      continue;
    }
    if (byte_fallback_) {
      std::string spelling = (first ? "" : prefix_) + std::string(c) + (last ? suffix_ : "");
      auto byte_id = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
      if (std::all_of(spelling.begin(), spelling.end(), [&](char byte) { return byte_id(byte) >= 0; })) {
        // A waiting unknown stays behind these bytes: the order that Hugging Face gives.
        for (char byte : spelling) symbols.push_back(byte_id(byte));
        continue;
      }
    }
    if (unknown_ < 0) continue;
    if (unknown_waits && !fuse_unknown_) symbols.push_back(unknown_);
    unknown_waits = true;
  }
  if (unknown_waits) symbols.push_back(unknown_);
}

void Bpe::merge_few(std::vector<int32_t>& symbols) const {
  Merges::Merge pairs[kFewSymbols];
  auto look = [&](size_t i) {
    const Merges::Merge* merge = merges_.find(symbols[i], symbols[i + 1]);
    pairs[i] = merge ? *merge : Merges::Merge{kNoRank, 0};
  };
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoRank) break;
    symbols[best] = pairs[best].id;
    std::copy(symbols.begin() + best + 2, symbols.begin() + count, symbols.begin() + best + 1);
    if (best + 2 < count) std::copy(pairs + best + 2, pairs + count - 1, pairs + best + 1);
    --count;
    if (best > 0) look(best - 1);
    if (best + 1 < count) look(best);
  }
  symbols.resize(count);
}

void Bpe::merge_many(std::vector<int32_t>& symbols) const {
  auto count = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> next(count), previous(count), rank(count, kNoRank);
  std::vector<uint64_t> heap;                       // rank << 32 | position: best first, then leftmost
  heap.reserve(count);
  auto look = [&](uint32_t i) {
    const Merges::Merge* merge = next[i] < count ? merges_.find(symbols[i], symbols[next[i]]) : nullptr;
    rank[i] = merge ? merge->rank : kNoRank;
    return merge != nullptr;
  };
  for (uint32_t i = 0; i < count; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;
  }
  auto entry = [&](uint32_t i) { return static_cast<uint64_t>(rank[i]) << 32 | i; };
  for (uint32_t i = 0; i < count; ++i) {
    if (look(i)) heap.push_back(entry(i));
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  auto push = [&](uint32_t i) {
    if (!look(i)) return;
    heap.push_back(entry(i));
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    uint64_t top = heap.back();
    heap.pop_back();
    auto i = static_cast<uint32_t>(top);
    if (rank[i] != top >> 32 || rank[i] == kNoRank) continue;      // this pair has changed since
    uint32_t gone = next[i];
    symbols[i] = merges_.find(symbols[i], symbols[gone])->id;
    symbols[gone] = -1;
    rank[gone] = kNoRank;
    next[i] = next[gone];
    if (next[i] < count) previous[next[i]] = i;
    push(i);
    if (previous[i] < count) push(previous[i]);
  }
  std::erase(symbols, -1);
}

// SentencePiece's order: any two neighbours whose concatenation is a piece, best score first, then leftmost.
void Bpe::merge_by_score(std::string_view piece, std::vector<int32_t>& ids) const {
  struct Symbol {
    size_t begin;
    uint32_t bytes, previous, next;
  };
  struct Pair {
    float score;
    uint32_t left, bytes;
    bool operator<(const Pair& other) const {
      return score < other.score || (score == other.score && left > other.left);
    }
  };
  std::vector<Symbol> symbols;
  for (size_t at = 0; at < piece.size();) {
    size_t begin = at;
    next_char(piece, at);
    auto i = static_cast<uint32_t>(symbols.size());
    symbols.push_back({begin, static_cast<uint32_t>(at - begin), i - 1, i + 1});
  }
  auto count = static_cast<uint32_t>(symbols.size());
  std::priority_queue<Pair> queue;
  auto push = [&](uint32_t left) {
    if (left >= count || symbols[left].next >= count) return;
    uint32_t bytes = symbols[left].bytes + symbols[symbols[left].next].bytes;
    int32_t id = vocabulary_.find(piece.substr(symbols[left].begin, bytes));
    if (id >= 0) queue.push({static_cast<size_t>(id) < scores_.size() ? scores_[id] : 0.0F, left, bytes});
  };
  for (uint32_t i = 0; i < count; ++i) push(i);
  while (!queue.empty()) {
    Pair pair = queue.top();
    queue.pop();
    Symbol& left = symbols[pair.left];
    if (left.bytes == 0 || left.next >= count) continue;
    Symbol& right = symbols[left.next];
    if (left.bytes + right.bytes != pair.bytes) continue;
    left.bytes = pair.bytes;
    right.bytes = 0;
    left.next = right.next;
    if (left.next < count) symbols[left.next].previous = pair.left;
    push(left.previous);
    push(pair.left);
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.bytes == 0) continue;
    std::string_view text = piece.substr(symbol.begin, symbol.bytes);
    int32_t id = vocabulary_.find(text);
    if (id >= 0) {
      ids.push_back(id);
      continue;
    }
    for (char byte : text) {
      int32_t of_byte = byte_ids_[static_cast<unsigned char>(byte)];
      if (of_byte >= 0 || unknown_ >= 0) ids.push_back(of_byte >= 0 ? of_byte : unknown_);
    }
  }
}

void Bpe::encode(std::string_view piece, Cache& cache, std::vector<int32_t>& ids) const {
  if (!scores_.empty()) return merge_by_score(piece, ids);
  if (ignore_merges_) {
    int32_t id = vocabulary_.find(piece);
    if (id >= 0) return ids.push_back(id);
  }
  bool cached = piece.size() <= kCachedBytes;
  std::string key;
  if (cached) {
    key = piece;
    auto seen = cache.find(key);
    if (seen != cache.end()) {
      ids.insert(ids.end(), seen->second.begin(), seen->second.end());
      return;
    }
  }
  std::vector<int32_t> symbols;
  symbols.reserve(piece.size());
  first_symbols(piece, symbols);
  if (symbols.size() <= kFewSymbols) {
    merge_few(symbols);
  } else {
    merge_many(symbols);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.end());
  if (cached && cache.size() < kCachedPieces) cache.emplace(std::move(key), std::move(symbols));
}

}  // namespace hearth
