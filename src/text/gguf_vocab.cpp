// gguf_vocab_to_tokenizer_json: the vocabulary of a GGUF file written as the tokenizer.json that does the same.
#include <cmath>

#include "base/json.h"
#include "text/gguf_pre.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace hearth {

namespace {

enum TokenType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };

// Written by hand: a tree of half a million strings would take longer than reading it back.
void put_string(std::string& json, std::string_view text) {
  json += '"';
  std::string repaired;
  if (!is_utf8(text)) text = repaired = repaired_utf8(text);
  for (char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      json += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      json += c;
    }
  }
  json += '"';
}

template <class List, class Put>
void put_list(std::string& json, const List& list, Put put) {
  json += '[';
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) json += ',';
    put(list[i]);
  }
  json += ']';
}

int type_of(const GgufVocab& vocab, size_t id) { return id < vocab.types.size() ? vocab.types[id] : kNormal; }

std::string added_tokens(const GgufVocab& vocab) {
  std::string json = "[";
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    int type = type_of(vocab, id);
    if ((type != kUnknown && type != kControl && type != kUserDefined) || vocab.tokens[id].empty()) continue;
    if (json.size() > 1) json += ',';
    json += fmt::format(R"({{"id":{},"special":{},"normalized":false,"content":)", id, type != kUserDefined);
    put_string(json, vocab.tokens[id]);
    json += '}';
  }
  return json + "]";
}

bool is_token(const GgufVocab& vocab, std::optional<int32_t> id) {
  return id && *id >= 0 && static_cast<size_t>(*id) < vocab.tokens.size();
}

Json special_item(const std::string& name) { return {{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; }

// BOS and EOS around the text, where the file asks for them.
Json post_processor(const GgufVocab& vocab, std::optional<int32_t> bos, std::optional<int32_t> eos) {
  Json items = Json::array(), table = Json::object();
  auto item = [&](const char* name, std::optional<int32_t> id) {
    items.push_back(special_item(name));
    table[name] = {{"id", name}, {"ids", {*id}}, {"tokens", {name}}};
  };
  if (is_token(vocab, bos)) item("bos", bos);
  items.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (is_token(vocab, eos)) item("eos", eos);
  return {{"type", "TemplateProcessing"}, {"single", items}, {"special_tokens", table}};
}

// The members beside "model" and "added_tokens", without their braces.
std::string members(const Json& rest) {
  std::string text = dump(rest);
  return text.substr(1, text.size() - 2);
}

std::string assemble(const GgufVocab& vocab, const std::string& model, const Json& rest) {
  return fmt::format(R"({{"version":"1.0","added_tokens":{},{},"model":{}}})", added_tokens(vocab), members(rest), model);
}

std::string vocab_list(const GgufVocab& vocab) {
  std::string json;
  put_list(json, vocab.tokens, [&](const std::string& token) { put_string(json, token); });
  return json;
}

std::string byte_level_json(const GgufVocab& vocab, const GgufPre& pre) {
  std::string model = R"({"type":"BPE","skip_unknown_merges":true,"ignore_merges":)";
  model += pre.ignore_merges ? "true" : "false";
  model += R"(,"vocab":)" + vocab_list(vocab) + R"(,"merges":)";
  put_list(model, vocab.merges, [&](const std::string& merge) { put_string(model, merge); });
  model += '}';
  Json steps = Json::array();
  for (std::string_view regex : pre.regexes) {
    if (regex.empty()) continue;
    steps.push_back({{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  steps.push_back(byte_level);
  bool add_bos = vocab.add_bos.value_or(pre.add_bos), add_eos = vocab.add_eos.value_or(false);
  Json rest = {{"normalizer", nullptr},
               {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
               {"post_processor", post_processor(vocab, add_bos ? vocab.bos : std::nullopt,
                                                 add_eos ? vocab.eos : std::nullopt)},
               {"decoder", byte_level}};
  return assemble(vocab, model, rest);
}

std::string sentencepiece_json(const GgufVocab& vocab) {
  std::string model = R"({"type":"BPE","byte_fallback":true,"fuse_unk":true)";
  int32_t unknown = vocab.unk.value_or(0);
  if (is_token(vocab, unknown)) {
    model += R"(,"unk_token":)";
    put_string(model, vocab.tokens[static_cast<size_t>(unknown)]);
  }
  model += R"(,"vocab":)" + vocab_list(vocab) + R"(,"scores":)";
  std::vector<float> scores = vocab.scores;
  scores.resize(std::max<size_t>(1, vocab.tokens.size()), 0.0F);
  put_list(model, scores, [&](float score) { model += fmt::format("{}", std::isfinite(score) ? score : 0.0F); });
  model += R"(,"merges":[]})";
  bool prefix = vocab.add_space_prefix.value_or(true);
  Json space = {{"String", " "}}, bar = {{"String", "\u2581"}};
  Json normalizers = Json::array(), decoders = Json::array();
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", "\u2581"}});
  normalizers.push_back({{"type", "Replace"}, {"pattern", space}, {"content", "\u2581"}});
  decoders.push_back({{"type", "Replace"}, {"pattern", bar}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  bool add_bos = vocab.add_bos.value_or(true), add_eos = vocab.add_eos.value_or(false);
  Json rest = {{"normalizer", {{"type", "Sequence"}, {"normalizers", normalizers}}},
               {"pre_tokenizer", nullptr},
               {"post_processor", post_processor(vocab, add_bos ? std::optional(vocab.bos.value_or(1)) : std::nullopt,
                                                 add_eos ? std::optional(vocab.eos.value_or(2)) : std::nullopt)},
               {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}}};
  return assemble(vocab, model, rest);
}

}  // namespace

Result<std::string> gguf_vocab_to_tokenizer_json(const GgufVocab& vocab) {
  if (vocab.tokens.empty()) return error("gguf: tokenizer.ggml.tokens: got no tokens");
  if (vocab.model == "llama") return sentencepiece_json(vocab);
  if (vocab.model != "gpt2") {
    return error("gguf: tokenizer.ggml.model: got '{}', want gpt2 or llama", vocab.model.substr(0, 80));
  }
  const GgufPre* pre = find_gguf_pre(vocab.pre.empty() ? "default" : vocab.pre);
  if (!pre) return error("gguf: tokenizer.ggml.pre: '{}' is not known", vocab.pre.substr(0, 80));
  return byte_level_json(vocab, *pre);
}

}  // namespace hearth
