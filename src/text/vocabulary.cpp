// Vocabulary: open addressing over an arena of spellings.
#include "text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace hearth {

uint64_t hash_bytes(std::string_view bytes) {
  constexpr uint64_t kMix = 0x9E3779B97F4A7C15;
  uint64_t hash = bytes.size() * kMix;
  const char* at = bytes.data();
  size_t left = bytes.size();
  auto take = [&](size_t size) {
    uint64_t word = 0;
    std::memcpy(&word, at, size);
    hash = (hash ^ word) * kMix;
    hash ^= hash >> 29;
    at += size;
    left -= size;
  };
  while (left >= 8) take(8);
  if (left > 0) take(left);
  return hash ^ hash >> 32;
}

void Vocabulary::reserve(size_t pieces, size_t bytes) {
  arena_.reserve(bytes);
  entries_.reserve(pieces);
  by_id_.reserve(pieces);
  grow(std::bit_ceil(std::max<size_t>(16, pieces * 2)));
}

void Vocabulary::grow(size_t slots) {
  if (slots <= slots_.size()) return;
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
  for (const Slot& slot : old) {
    if (slot.entry < 0) continue;
    size_t at = slot.hash & (slots - 1);
    while (slots_[at].entry >= 0) at = (at + 1) & (slots - 1);
    slots_[at] = slot;
  }
}

Vocabulary::Slot& Vocabulary::slot_of(std::string_view piece, uint32_t hash) {
  size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.entry < 0 || (slot.hash == hash && text(entries_[slot.entry]) == piece)) return slot;
  }
}

void Vocabulary::add(std::string_view piece, int32_t id) {
  if (slots_.size() < (spellings_ + 1) * 2) grow(std::max<size_t>(16, slots_.size() * 2));
  auto hash = static_cast<uint32_t>(hash_bytes(piece));
  Slot& slot = slot_of(piece, hash);
  auto entry = static_cast<int32_t>(entries_.size());
  entries_.push_back({arena_.size(), static_cast<uint32_t>(piece.size()), id});
  arena_ += piece;
  if (slot.entry < 0) ++spellings_;
  slot = {hash, entry};
  if (static_cast<size_t>(id) >= by_id_.size()) by_id_.resize(static_cast<size_t>(id) + 1, -1);
  by_id_[id] = entry;
  longest_ = std::max(longest_, piece.size());
}

int32_t Vocabulary::find(std::string_view piece) const {
  if (slots_.empty() || piece.size() > longest_) return -1;
  auto hash = static_cast<uint32_t>(hash_bytes(piece));
  size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.entry < 0) return -1;
    if (slot.hash == hash && text(entries_[slot.entry]) == piece) return entries_[slot.entry].id;
  }
}

bool Vocabulary::has(int32_t id) const { return id >= 0 && id < size() && by_id_[id] >= 0; }

std::string_view Vocabulary::piece(int32_t id) const { return has(id) ? text(entries_[by_id_[id]]) : std::string_view(); }

}  // namespace hearth
