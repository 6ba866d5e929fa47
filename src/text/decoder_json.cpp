// Decoder::from_json: the steps of tokenizer.json's "decoder".
#include "text/decoder.h"
#include "text/utf8.h"

namespace hearth {

namespace {

using Kind = DecoderStep::Kind;
using Steps = std::vector<DecoderStep>;

constexpr std::string_view kWho = "tokenizer.json: decoder";
constexpr int64_t kMostStripped = 1 << 20;

template <Kind kind>
Result<Done> read_plain(JsonElement, Steps& steps) {
  steps.push_back({kind});
  return Done{};
}

Result<Done> read_strip(JsonElement object, Steps& steps) {
  DecoderStep step{Kind::strip};
  TRY(step.character, char_field(object, "content", " ", kWho));
  TRY(int64_t left, int_field(object, "start", 0, kWho));
  TRY(int64_t right, int_field(object, "stop", 0, kWho));
  if (left < 0 || right < 0 || left > kMostStripped || right > kMostStripped) {
    return error("{}: strips {} and {}, want 0..{}", kWho, left, right, kMostStripped);
  }
  step.left = static_cast<size_t>(left);
  step.right = static_cast<size_t>(right);
  steps.push_back(step);
  return Done{};
}

Result<Done> read_replace(JsonElement object, Steps& steps) {
  DecoderStep step{Kind::replace};
  TRY(step.pattern, pattern_field(object, "pattern", kWho));
  TRY(step.text, string_field(object, "content", kWho));
  steps.push_back(step);
  return Done{};
}

Result<Done> read_metaspace(JsonElement object, Steps& steps) {
  DecoderStep step{Kind::metaspace};
  TRY(step.character, char_field(object, "replacement", "\u2581", kWho));
  TRY(bool prefix, flag_field(object, "add_prefix_space", true, kWho));
  TRY(std::string scheme, string_field_or(object, "prepend_scheme", "always", kWho));
  step.drops_first = prefix && scheme != "never";
  steps.push_back(step);
  return Done{};
}

Result<Done> read_suffix(JsonElement object, Steps& steps) {
  DecoderStep step{Kind::suffix};
  TRY(std::string suffix, string_field_or(object, "suffix", "</w>", kWho));
  step.pattern = Regex::literal(suffix);
  steps.push_back(step);
  return Done{};
}

constexpr std::pair<std::string_view, Result<Done> (*)(JsonElement, Steps&)> kReaders[] = {
    {"ByteLevel", read_plain<Kind::byte_level>},
    {"ByteFallback", read_plain<Kind::byte_fallback>},
    {"Fuse", read_plain<Kind::fuse>},
    {"Strip", read_strip},
    {"Replace", read_replace},
    {"Metaspace", read_metaspace},
    {"BPEDecoder", read_suffix}};

Result<Done> read_steps(JsonElement object, Steps& steps, int depth) {
  TRY(std::string type, string_field(object, "type", kWho));
  if (type == "Sequence") {
    if (depth > kMaxNesting) return error("{}: sequences nest deeper than {}", kWho, kMaxNesting);
    TRY(simdjson::dom::array list, array_field(object, "decoders", kWho));
    for (JsonElement one : list) TRY_DONE(read_steps(one, steps, depth + 1));
    return Done{};
  }
  if (steps.size() >= 256) return error("{}: got more than 256 steps", kWho);
  for (const auto& [name, read] : kReaders) {
    if (name == type) return read(object, steps);
  }
  return error("{}.type: got '{}', which is not supported", kWho, type.substr(0, 80));
}

}  // namespace

Result<Decoder> Decoder::from_json(std::optional<JsonElement> decoder) {
  Decoder built;
  if (!decoder) {
    built.steps_.push_back({Kind::join});
  } else {
    TRY_DONE(read_steps(*decoder, built.steps_, 0));
  }
  return built;
}

}  // namespace hearth
