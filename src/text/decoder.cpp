// DecodePipeline: each decoder step as a stage that holds back only what may still change.
#include "text/decoder.h"

#include <algorithm>

#include "text/normalizer.h"
#include "text/utf8.h"

namespace hearth {

namespace {

using Kind = DecoderStep::Kind;
constexpr std::string_view kBad = "\xEF\xBF\xBD";

// Byte-level spelling to bytes; a token with any other character stands for itself.
std::string bytes_of(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    int byte = byte_of_char(next_char(token, at));
    if (byte < 0) return std::string(token);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// <0xAB> -> 0xAB, anything else -> -1
int byte_of_token(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return -1;
  int high = token[3] == '+' ? 0 : hex_digit(token[3]), low = hex_digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// How many bytes at the end of `text` may be the start of `wanted`.
size_t tail_of(std::string_view text, std::string_view wanted) {
  size_t most = std::min(text.size(), wanted.empty() ? 0 : wanted.size() - 1);
  for (size_t size = most; size > 0; --size) {
    if (text.substr(text.size() - size) == wanted.substr(0, size)) return size;
  }
  return 0;
}

// What a token loses at its ends; nothing once tokens are one text.
std::string stripped(std::string text, const DecoderStep& step) {
  std::string unit;
  append_char(unit, step.character);
  for (size_t i = 0; i < step.left && text.starts_with(unit); ++i) text.erase(0, unit.size());
  for (size_t i = 0; i < step.right && text.ends_with(unit); ++i) text.resize(text.size() - unit.size());
  return text;
}

std::string with_spaces(std::string_view text, char32_t for_space) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (c == for_space) {
      out += ' ';
    } else {
      append_char(out, c);
    }
  }
  return out;
}

}  // namespace

std::string token_bytes(const Decoder& decoder, std::string_view token) {
  std::string text(token);
  bool fused = false;
  for (const DecoderStep& step : decoder.steps()) {
    switch (step.kind) {
      case Kind::join: text.insert(0, " "); break;
      case Kind::fuse: fused = true; break;
      case Kind::byte_level:
        text = bytes_of(text);
        fused = true;
        break;
      case Kind::byte_fallback:
        if (const int byte = byte_of_token(text); byte >= 0) return std::string(1, static_cast<char>(byte));
        break;
      case Kind::strip:
        if (!fused) text = stripped(std::move(text), step);
        break;
      case Kind::replace: text = replaced(text, *step.pattern, step.text); break;
      case Kind::metaspace: text = with_spaces(text, step.character); break;
      case Kind::suffix: text = replaced(text, *step.pattern, " "); break;
    }
  }
  return text;
}

DecodePipeline::DecodePipeline(const Decoder& decoder) {
  for (const DecoderStep& step : decoder.steps()) stages_.push_back({&step, {}, {}, 0, 0, false});
}

void DecodePipeline::add(std::string_view token) { put(0, {token, true, true}); }
void DecodePipeline::finish() { end(0); }

void DecodePipeline::put(size_t stage, Chunk chunk) {
  if (stage == stages_.size()) {
    out_ += chunk.text;
    return;
  }
  Stage& self = stages_[stage];
  if (chunk.begins) ++self.tokens;
  switch (self.step->kind) {
    case Kind::join:
      if (chunk.begins && self.tokens > 1) put(stage + 1, {" ", true, true});
      return put(stage + 1, chunk);
    case Kind::fuse:
      put(stage + 1, {chunk.text, !self.begun, false});
      self.begun = true;
      return;
    case Kind::byte_level: return put_byte_level(stage, chunk);
    case Kind::byte_fallback: return put_byte_fallback(stage, chunk);
    case Kind::strip: return put_strip(stage, chunk);
    case Kind::replace: return put_replace(stage, chunk);
    case Kind::metaspace: return put_metaspace(stage, chunk);
    case Kind::suffix: return put_suffix(stage, chunk);
  }
}

// No token comes any more.
void DecodePipeline::end(size_t stage) {
  if (stage == stages_.size()) return;
  Stage& self = stages_[stage];
  switch (self.step->kind) {
    case Kind::fuse: put(stage + 1, {"", !self.begun, true}); break;
    case Kind::byte_level: put(stage + 1, {repaired_utf8(self.bytes), !self.begun, true}); break;
    case Kind::byte_fallback: flush_bytes(stage); break;
    case Kind::suffix:
      if (self.tokens > 0) put(stage + 1, {replaced(self.held, *self.step->pattern, ""), true, true});
      break;
    default: break;
  }
  end(stage + 1);
}

// All tokens' bytes form one text.
void DecodePipeline::put_byte_level(size_t stage, Chunk chunk) {
  Stage& self = stages_[stage];
  self.held += chunk.text;
  if (!chunk.ends) return;
  self.bytes += bytes_of(std::exchange(self.held, {}));
  std::string text;
  self.bytes.erase(0, repair_utf8(self.bytes, More::may_come, text));
  put(stage + 1, {text, !self.begun, false});
  self.begun = true;
}

// A run of byte tokens is one text, or, if that is no UTF-8, as many U+FFFD as it has bytes: only its end tells.
void DecodePipeline::put_byte_fallback(size_t stage, Chunk chunk) {
  Stage& self = stages_[stage];
  self.held += chunk.text;
  if (!chunk.ends) return;
  std::string token = std::exchange(self.held, {});
  int byte = byte_of_token(token);
  if (byte >= 0) {
    self.bytes += static_cast<char>(byte);
    return;
  }
  flush_bytes(stage);
  put(stage + 1, {token, true, true});
}

void DecodePipeline::flush_bytes(size_t stage) {
  std::string bytes = std::exchange(stages_[stage].bytes, {});
  if (bytes.empty()) return;
  if (is_utf8(bytes)) return put(stage + 1, {bytes, true, true});
  for (size_t i = 0; i < bytes.size(); ++i) put(stage + 1, {kBad, true, true});
}

void DecodePipeline::put_strip(size_t stage, Chunk chunk) {
  Stage& self = stages_[stage];
  const DecoderStep& step = *self.step;
  if (chunk.begins) {
    self.strips = step.left;
    self.held.clear();
  }
  size_t at = 0;
  while (self.strips > 0 && at < chunk.text.size()) {
    size_t next = at;
    bool drop = next_char(chunk.text, next) == step.character;
    self.strips = drop ? self.strips - 1 : 0;
    if (drop) at = next;
  }
  std::string_view text = chunk.text.substr(at);
  if (step.right == 0) return put(stage + 1, {text, chunk.begins, chunk.ends});
  // The last `right` of a run of the character wait: the token may end with them.
  std::string unit, all = std::exchange(self.held, {}) + std::string(text);
  append_char(unit, step.character);
  size_t certain = all.size();
  for (size_t i = 0; i < step.right && certain >= unit.size(); ++i) {
    if (std::string_view(all).substr(certain - unit.size(), unit.size()) != unit) break;
    certain -= unit.size();
  }
  if (!chunk.ends) self.held = all.substr(certain);
  put(stage + 1, {std::string_view(all).substr(0, certain), chunk.begins, chunk.ends});
}

void DecodePipeline::put_replace(size_t stage, Chunk chunk) {
  Stage& self = stages_[stage];
  const Regex& pattern = *self.step->pattern;
  if (chunk.begins) self.begun = false;
  std::string all = std::exchange(self.held, {}) + std::string(chunk.text);
  if (!chunk.ends) {
    const std::string* wanted = pattern.literal_text();
    // Only what lies behind the last match can be the start of another.
    size_t settled = 0;
    if (wanted) {
      for (Span match : pattern.find_all(all)) settled = match.end;
    }
    size_t keep = wanted ? tail_of(std::string_view(all).substr(settled), *wanted) : all.size();
    self.held = all.substr(all.size() - keep);
    all.resize(all.size() - keep);
    if (all.empty()) return;
  }
  put(stage + 1, {replaced(all, pattern, self.step->text), !self.begun, chunk.ends});
  self.begun = true;
}

void DecodePipeline::put_metaspace(size_t stage, Chunk chunk) {
  const Stage& self = stages_[stage];
  std::string text;
  for (size_t at = 0; at < chunk.text.size();) {
    char32_t c = next_char(chunk.text, at);
    if (c != self.step->character) {
      append_char(text, c);
    } else if (self.tokens > 1 || !self.step->drops_first) {
      text += ' ';
    }
  }
  put(stage + 1, {text, chunk.begins, chunk.ends});
}

// The suffix is a space, but not in the last token.
void DecodePipeline::put_suffix(size_t stage, Chunk chunk) {
  Stage& self = stages_[stage];
  if (chunk.begins && self.tokens > 1) {
    std::string before = std::exchange(self.held, {});
    put(stage + 1, {replaced(before, *self.step->pattern, " "), true, true});
  }
  self.held += chunk.text;
}

}  // namespace hearth
