// Vocabulary: spellings <-> ids, as one arena and one hash table, quick to fill with hundreds of thousands of pieces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// Ids above this are taken for damage: no model has so many rows.
constexpr int32_t kMaxId = (1 << 22) - 1;

class Vocabulary {
 public:
  void reserve(size_t pieces, size_t bytes);
  // The last of two equal spellings wins, and the last of two equal ids. 0 <= id <= kMaxId.
  void add(std::string_view piece, int32_t id);

  int32_t find(std::string_view piece) const;      // -1 if absent
  std::string_view piece(int32_t id) const;        // "" if absent
  bool has(int32_t id) const;
  int32_t size() const { return static_cast<int32_t>(by_id_.size()); }    // largest id + 1
  bool has_repeats() const { return spellings_ != added_; }
  size_t longest() const { return longest_; }      // bytes of the longest piece

 private:
  struct Text {
    uint32_t begin = 0, bytes = 0;      // in arena_, which a JSON file bounds to 4 GB
  };
  struct Slot {
    uint32_t hash = 0;
    int32_t id = -1;
    Text text;
  };
  std::string_view view(Text text) const { return std::string_view(arena_).substr(text.begin, text.bytes); }
  size_t place_of(std::string_view piece, uint32_t hash) const;
  void grow(size_t slots);

  std::string arena_;
  std::vector<Text> by_id_;
  std::vector<bool> known_;         // by id
  std::vector<Slot> slots_;         // a power of two, at most half full
  size_t spellings_ = 0, added_ = 0;
  size_t longest_ = 0;
};

uint64_t hash_bytes(std::string_view bytes);

}  // namespace hearth
