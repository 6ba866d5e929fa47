// Decoder: tokenizer.json's "decoder" as a list of steps, and a pipeline that runs them one token at a time.
//
// Hugging Face decodes a whole list: every step maps a list of tokens to a list of tokens, and the last list is joined.
// Here every step passes on what can no longer change, so a stream and a whole decode() are the same code.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/regex.h"
#include "text/tokenizer_json.h"

namespace hearth {

struct DecoderStep {
  enum class Kind { join, byte_level, byte_fallback, fuse, strip, replace, metaspace, suffix } kind;
  std::string text;                 // what replaces; the suffix
  std::optional<Regex> pattern;     // what is replaced
  char32_t character = 0;           // what is stripped; what stands for a space
  size_t left = 0, right = 0;       // how many are stripped at most
  bool drops_first = false;         // metaspace: none in the first token
};

class Decoder {
 public:
  static Result<Decoder> from_json(std::optional<JsonElement> decoder);
  const std::vector<DecoderStep>& steps() const { return steps_; }

 private:
  std::vector<DecoderStep> steps_;
};

// What a token adds in the middle of a text, as bytes: they may be a part of a character.
std::string token_bytes(const Decoder& decoder, std::string_view token);

// The steps at work. `decoder` must outlive it.
class DecodePipeline {
 public:
  explicit DecodePipeline(const Decoder& decoder);

  void add(std::string_view token);
  void finish();
  std::string take() { return std::exchange(out_, {}); }      // the text that is certain since the last take()

 private:
  // A stretch of a token; a fused token comes in many.
  struct Chunk {
    std::string_view text;
    bool begins, ends;
  };
  struct Stage {
    const DecoderStep* step;
    std::string held;       // text that more of it may change
    std::string bytes;      // bytes that form no character yet
    size_t tokens = 0;      // begun so far
    size_t strips = 0;      // characters that may still be stripped at the left
    bool begun = false;     // the token that we pass on has begun
  };
  void put(size_t stage, Chunk chunk);
  void end(size_t stage);
  void put_byte_level(size_t stage, Chunk chunk);
  void put_byte_fallback(size_t stage, Chunk chunk);
  void flush_bytes(size_t stage);
  void put_strip(size_t stage, Chunk chunk);
  void put_replace(size_t stage, Chunk chunk);
  void put_metaspace(size_t stage, Chunk chunk);
  void put_suffix(size_t stage, Chunk chunk);

  std::vector<Stage> stages_;
  std::string out_;
};

}  // namespace hearth
