// Bpe: the model that turns one pre-token into ids by merging neighbours, best merge first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "text/tokenizer_json.h"
#include "text/vocabulary.h"

namespace hearth {

// Merges: a pair of ids -> its rank (lower merges first) and the id it becomes.
class Merges {
 public:
  struct Merge {
    uint32_t rank;
    int32_t id;
  };
  void reserve(size_t pairs);
  void add(int32_t left, int32_t right, Merge merge);      // the last of two equal pairs wins
  const Merge* find(int32_t left, int32_t right) const;    // null if they do not merge

 private:
  struct Slot {
    uint64_t pair = ~0ULL;
    Merge merge{};
  };
  size_t place_of(uint64_t pair) const;
  std::vector<Slot> slots_;
};

class Bpe {
 public:
  // Beside the fields of tokenizer.json's BPE there are three of our own, for vocabularies of GGUF files:
  //   vocab as an array     id = position; spellings may repeat
  //   scores [float]        no merges: neighbours merge when their concatenation is a piece, best score first
  //   skip_unknown_merges   merges of pieces that the vocabulary lacks are left out instead of refused
  static Result<Bpe> from_json(JsonElement model);

  // What one encode() has seen already: pre-tokens repeat a lot.
  using Cache = std::unordered_map<std::string, std::vector<int32_t>>;
  void encode(std::string_view piece, Cache& cache, std::vector<int32_t>& ids) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Result<Done> read_vocabulary(JsonElement model);
  Result<Done> read_merges(JsonElement model);
  Result<Done> read_scores(JsonElement model);
  void index_characters();
  int32_t char_id(std::string_view c, bool first, bool last) const;
  void first_symbols(std::string_view piece, std::vector<int32_t>& symbols) const;
  void merge_few(std::vector<int32_t>& symbols) const;
  void merge_many(std::vector<int32_t>& symbols) const;
  void merge_by_score(std::string_view piece, std::vector<int32_t>& ids) const;

  Vocabulary vocabulary_;
  Merges merges_;
  std::vector<float> scores_;                       // by id; empty where merges have ranks
  std::string prefix_, suffix_;                     // of a character inside, and at the end of a word
  int32_t unknown_ = -1;
  bool fuse_unknown_ = false, byte_fallback_ = false, ignore_merges_ = false;
  std::array<int32_t, 256> byte_ids_{};             // <0x00> .. <0xFF>, -1 where absent
  std::array<int32_t, 0x200> low_char_ids_{};       // characters of byte-level vocabularies
};

}  // namespace hearth
