// Bpe::from_json: the model of tokenizer.json, read and checked.
#include <string>
#include <algorithm>

#include "text/bpe.h"
#include "text/utf8.h"

namespace hearth {

namespace {

constexpr std::string_view kWho = "tokenizer.json: model";

}  // namespace

Result<Done> Bpe::read_vocabulary(JsonElement model) {
  auto vocab = field(model, "vocab");
  if (!vocab) return error("{}.vocab: got nothing, want an object of piece: id", kWho);
  simdjson::dom::array list;
  if (vocab->get(list) == simdjson::SUCCESS) {
    if (list.size() > static_cast<size_t>(kMaxId)) return error("{}.vocab: got {} or more pieces", kWho, list.size());
    vocabulary_.reserve(list.size(), list.size() * 8);
    int32_t id = 0;
    for (JsonElement piece : list) {
      std::string_view text;
      if (id > kMaxId || piece.get(text) != simdjson::SUCCESS) {
        return error("{}.vocab[{}]: got {}, want a string", kWho, id, kind_of(piece));
      }
      vocabulary_.add(text, id++);
    }
    return Done{};
  }
  simdjson::dom::object pieces;
  if (vocab->get(pieces) != simdjson::SUCCESS) {
    return error("{}.vocab: got {}, want an object of piece: id", kWho, kind_of(*vocab));
  }
  vocabulary_.reserve(pieces.size(), pieces.size() * 8);
  for (auto [piece, value] : pieces) {
    int64_t id;
    if (value.get(id) != simdjson::SUCCESS) {
      return error("{}.vocab['{}']: got {}, want an id", kWho, piece.substr(0, 80), kind_of(value));
    }
    if (id < 0 || id > kMaxId) return error("{}.vocab['{}']: got id {}, want 0..{}", kWho, piece.substr(0, 80), id, kMaxId);
    vocabulary_.add(piece, static_cast<int32_t>(id));
  }
  return Done{};
}

namespace {

struct Halves {
  std::string_view left, right;
};

// "a b" or ["a", "b"]
bool read_halves(JsonElement merge, Halves& halves) {
  std::string_view text;
  if (merge.get(text) == simdjson::SUCCESS) {
    size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos) return false;
    halves = {text.substr(0, space), text.substr(space + 1)};
    return true;
  }
  simdjson::dom::array pair;
  if (merge.get(pair) != simdjson::SUCCESS) return false;
  int count = 0;
  for (JsonElement half : pair) {
    if (half.get(text) != simdjson::SUCCESS || count == 2) return false;
    (count++ == 0 ? halves.left : halves.right) = text;
  }
  return count == 2;
}

}  // namespace

Result<Done> Bpe::read_merges(JsonElement model) {
  TRY(simdjson::dom::array list, array_field(model, "merges", kWho));
  TRY(bool skip_unknown, flag_field(model, "skip_unknown_merges", false, kWho));
  size_t count = 0;      // array::size() saturates at 16 million
  for ([[maybe_unused]] JsonElement merge : list) ++count;
  merges_.reserve(count);
  std::string joined;
  uint32_t rank = 0;
  int32_t last = -1;
  bool guess = !vocabulary_.has_repeats();
  for (JsonElement merge : list) {
    uint32_t own_rank = rank++;
    std::string_view line;
    if (merge.get(line) == simdjson::SUCCESS && line.substr(0, 8) == "#version") continue;
    Halves halves;
    if (!read_halves(merge, halves)) {
      if (skip_unknown) continue;
      return error("{}.merges[{}]: want \"left right\" or [\"left\", \"right\"]", kWho, own_rank);
    }
    int32_t left = vocabulary_.find(halves.left), right = vocabulary_.find(halves.right);
    joined = halves.left;
    joined += halves.right.substr(std::min(prefix_.size(), halves.right.size()));
    // Trained vocabularies list what merges make in the order of the merges: the next id needs no search.
    bool next = guess && vocabulary_.piece(last + 1) == joined;
    int32_t id = next ? last + 1 : vocabulary_.find(joined);
    last = id;
    if (left < 0 || right < 0 || id < 0) {
      if (skip_unknown) continue;
      std::string_view missing = left < 0 ? halves.left : right < 0 ? halves.right : std::string_view(joined);
      return error("{}.merges[{}]: '{}' is not in the vocabulary", kWho, own_rank, missing.substr(0, 80));
    }
    merges_.add(left, right, {own_rank, id});
  }
  return Done{};
}

Result<Done> Bpe::read_scores(JsonElement model) {
  TRY(simdjson::dom::array list, array_field(model, "scores", kWho));
  for (JsonElement score : list) {
    double value;
    if (score.get(value) != simdjson::SUCCESS) {
      return error("{}.scores[{}]: got {}, want a number", kWho, scores_.size(), kind_of(score));
    }
    scores_.push_back(static_cast<float>(value));
  }
  if (scores_.empty()) return error("{}.scores: got none", kWho);
  return Done{};
}

void Bpe::index_characters() {
  for (int byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.find(fmt::format("<0x{:02X}>", byte));
  for (char32_t c = 0; c < low_char_ids_.size(); ++c) {
    std::string spelling;
    append_char(spelling, c);
    low_char_ids_[c] = vocabulary_.find(spelling);
  }
}

Result<Bpe> Bpe::from_json(JsonElement model) {
  if (!is_object(model)) return error("{}: got {}, want an object", kWho, kind_of(model));
  auto merges = field(model, "merges");
  TRY(std::string type, string_field_or(model, "type", merges ? "BPE" : "none", kWho));
  if (type != "BPE") return error("{}.type: got '{}', want BPE (no other model is supported)", kWho, type.substr(0, 80));
  Bpe bpe;
  TRY_DONE(bpe.read_vocabulary(model));
  TRY(bpe.prefix_, string_field_or(model, "continuing_subword_prefix", "", kWho));
  TRY(bpe.suffix_, string_field_or(model, "end_of_word_suffix", "", kWho));
  TRY(bpe.fuse_unknown_, flag_field(model, "fuse_unk", false, kWho));
  TRY(bpe.byte_fallback_, flag_field(model, "byte_fallback", false, kWho));
  TRY(bpe.ignore_merges_, flag_field(model, "ignore_merges", false, kWho));
  if (field(model, "unk_token")) {
    TRY(std::string unknown, string_field(model, "unk_token", kWho));
    bpe.unknown_ = bpe.vocabulary_.find(unknown);
  }
  if (field(model, "scores")) {
    TRY_DONE(bpe.read_scores(model));
  } else {
    TRY_DONE(bpe.read_merges(model));
  }
  bpe.index_characters();
  return bpe;
}

}  // namespace hearth
