// Tokenizer: text <-> token ids, as Hugging Face tokenizers and llama.cpp's GGUF vocabularies do it.
//
// One Tokenizer is built from a `tokenizer.json` (normalizer -> pre-tokenizer -> model -> post-processor -> decoder,
// with added tokens split off first). A GGUF vocabulary is turned into the same JSON description by
// gguf_vocab_to_tokenizer_json, so there is a single way to tokenize. Immutable and safe to share among threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

enum class Specials { none, add };     // add: what the post-processor adds (BOS, EOS)
enum class Show { all, text_only };    // text_only: decoding drops special tokens

class Tokenizer {
 public:
  // `json`: the text of a tokenizer.json. Errors name the field that is wrong or not supported.
  static Result<Tokenizer> from_json(std::string_view json);

  // Token ids of `text`. Added/special tokens written out in the text become their ids.
  // Text that is no valid UTF-8 is taken with U+FFFD for each bad byte sequence. Never fails on any text.
  std::vector<int32_t> encode(std::string_view text, Specials specials = Specials::none) const;

  // The text of `ids` as Hugging Face's decode(ids, skip_special_tokens=...) gives it (clean_up_tokenization_spaces off).
  // An id outside the vocabulary decodes to nothing. Bytes that form no UTF-8 become U+FFFD.
  std::string decode(std::span<const int32_t> ids, Show show = Show::all) const;

  int32_t size() const;                                         // ids are 0 .. size()-1 (added tokens included)
  std::string_view piece(int32_t id) const;                     // the vocabulary's own spelling, "" if none
  std::optional<int32_t> id_of(std::string_view piece) const;
  bool is_special(int32_t id) const;
  // What the token adds to a text, as bytes: it may be a part of a character. "" for special tokens and ids without a spelling.
  std::string bytes_of(int32_t id) const;

 private:
  friend class TextStream;
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

// Decodes one id at a time and never emits half a UTF-8 character: concatenated, the returned pieces (and finish())
// equal decode() of all ids.
class TextStream {
 public:
  explicit TextStream(const Tokenizer& tokenizer, Show show = Show::text_only);
  TextStream(TextStream&&) noexcept;
  TextStream& operator=(TextStream&&) noexcept;
  ~TextStream();

  std::string add(int32_t id);      // text that is now certain, may be ""
  std::string add_shown(int32_t id);        // the same for a token that is text here, though it may be special
  std::string finish();             // what was held back (incomplete bytes become U+FFFD); then it starts anew

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What a GGUF file says of its vocabulary (keys tokenizer.ggml.*), see weights/.
struct GgufVocab {
  std::string model;                      // "gpt2" (byte-level BPE), "llama" (SentencePiece BPE with byte fallback)
  std::string pre;                        // pre-tokenizer name: "llama-bpe", "qwen2", "gpt-2", "deepseek-coder", "falcon", ...
  std::vector<std::string> tokens;
  std::vector<float> scores;              // for "llama"; may be empty
  std::vector<int32_t> types;             // 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; may be empty
  std::vector<std::string> merges;        // "a b"; for "gpt2"
  std::optional<int32_t> bos, eos, unk;
  std::optional<bool> add_bos, add_eos, add_space_prefix;
};

// The tokenizer.json that does what llama.cpp does with this vocabulary. An unknown `model` or `pre` is an error naming it.
Result<std::string> gguf_vocab_to_tokenizer_json(const GgufVocab& vocab);

}  // namespace hearth
