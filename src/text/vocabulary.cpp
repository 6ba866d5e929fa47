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
  by_id_.reserve(pieces);
  grow(std::bit_ceil(std::max<size_t>(16, pieces * 2)));
}

void Vocabulary::grow(size_t slots) {
  if (slots <= slots_.size()) return;
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    size_t at = slot.hash & (slots - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots - 1);
    slots_[at] = slot;
  }
}

size_t Vocabulary::place_of(std::string_view piece, uint32_t hash) const {
  size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.id < 0 || (slot.hash == hash && view(slot.text) == piece)) return at;
  }
}

void Vocabulary::add(std::string_view piece, int32_t id) {
  if (slots_.size() < (spellings_ + 1) * 2) grow(std::max<size_t>(16, slots_.size() * 2));
  auto hash = static_cast<uint32_t>(hash_bytes(piece));
  Slot& slot = slots_[place_of(piece, hash)];
  Text text{static_cast<uint32_t>(arena_.size()), static_cast<uint32_t>(piece.size())};
  arena_ += piece;
  ++added_;
  if (slot.id < 0) ++spellings_;
  slot = {hash, id, text};
  auto row = static_cast<size_t>(id);
  if (row >= by_id_.size()) {
    by_id_.resize(row + 1);
    known_.resize(row + 1);
  }
  by_id_[row] = text;
  known_[row] = true;
  longest_ = std::max(longest_, piece.size());
}

int32_t Vocabulary::find(std::string_view piece) const {
  if (slots_.empty() || piece.size() > longest_) return -1;
  return slots_[place_of(piece, static_cast<uint32_t>(hash_bytes(piece)))].id;
}

bool Vocabulary::has(int32_t id) const { return id >= 0 && id < size() && known_[static_cast<size_t>(id)]; }

std::string_view Vocabulary::piece(int32_t id) const {
  return has(id) ? view(by_id_[static_cast<size_t>(id)]) : std::string_view();
}

}  // namespace hearth
