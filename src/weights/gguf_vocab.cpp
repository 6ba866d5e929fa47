// GGUF's tokenizer.ggml.* into Checkpoint::vocab, tokenizer_config and the ids that end a turn.
#include <algorithm>

#include "weights/checks.h"
#include "weights/gguf.h"

namespace hearth {
namespace {

constexpr uint64_t kMaxTokens = uint64_t{1} << 24;
constexpr int64_t kControl = 3;        // token_type of a special token
constexpr int64_t kNone = 0xFFFFFFFF;  // an id of -1 that was written as u32

struct IdRow {
  std::string_view gguf, vocab, config;  // config: tokenizer_config's name for the token's text, or none
  bool ends_turn;
};

constexpr IdRow kIds[] = {
    {"bos_token_id", "bos", "bos_token", false},
    {"eos_token_id", "eos", "eos_token", true},
    {"eot_token_id", "eot", "", true},
    {"eom_token_id", "eom", "", true},
    {"unknown_token_id", "unk", "unk_token", false},
    {"padding_token_id", "pad", "pad_token", false},
};

constexpr std::string_view kFlags[][2] = {
    {"add_bos_token", "add_bos"}, {"add_eos_token", "add_eos"}, {"add_space_prefix", "add_space_prefix"}};

struct ListRow {
  std::string_view gguf, vocab;
  GgufType want;
  bool per_token;
};

constexpr ListRow kLists[] = {
    {"tokens", "tokens", GgufType::string, true},
    {"scores", "scores", GgufType::f64, true},
    {"token_type", "types", GgufType::i64, true},
    {"merges", "merges", GgufType::string, false},
};

// Control tokens that end a turn in the chat formats of the day, whether or not a converter wrote their ids.
constexpr std::string_view kTurnEnds[] = {"<|eot_id|>", "<|im_end|>",    "<|end|>",       "<|return|>",
                                          "<|eom_id|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>",
                                          "<EOT>",      "<|eot|>"};

std::string full_key(std::string_view name) { return fmt::format("tokenizer.ggml.{}", name); }

Result<Done> translate_lists(const GgufFile& file, std::string_view who, Json& vocab) {
  for (const ListRow& row : kLists) {
    TRY(auto list, find_list(file, full_key(row.gguf), row.want, who));
    if (!list) continue;
    if (row.per_token && list->size() > kMaxTokens)
      return error("{}: metadata '{}': got {} tokens, want at most {}", who, full_key(row.gguf), list->size(),
                   kMaxTokens);
    if (row.per_token && has(vocab, "tokens") && !list->empty() && list->size() != vocab["tokens"].size())
      return error("{}: metadata '{}': got {} values for {} tokens, want one each", who, full_key(row.gguf),
                   list->size(), vocab["tokens"].size());
    vocab[std::string(row.vocab)] = std::move(*list);
  }
  return Done{};
}

Result<Done> translate_ids(const GgufFile& file, std::string_view who, Checkpoint& into, std::vector<int64_t>& ends) {
  const Json& tokens = into.vocab["tokens"];
  for (const IdRow& row : kIds) {
    TRY(const auto id, find_int(file, full_key(row.gguf), who));
    if (!id || *id == kNone || *id == -1) continue;
    if (*id < 0 || static_cast<uint64_t>(*id) >= tokens.size())
      return error("{}: metadata '{}': got token {}, want less than the vocabulary's {}", who, full_key(row.gguf), *id,
                   tokens.size());
    into.vocab[std::string(row.vocab)] = *id;
    if (!row.config.empty()) into.tokenizer_config[std::string(row.config)] = tokens[static_cast<size_t>(*id)];
    if (row.ends_turn && std::find(ends.begin(), ends.end(), *id) == ends.end()) ends.push_back(*id);
  }
  return Done{};
}

void add_turn_ends(const Json& vocab, std::vector<int64_t>& ends) {
  if (!has(vocab, "types") || vocab["types"].size() != vocab["tokens"].size()) return;
  for (size_t i = 0; i < vocab["tokens"].size(); ++i) {
    if (vocab["types"][i] != kControl) continue;
    const std::string& text = vocab["tokens"][i].get_ref<const std::string&>();
    const bool known = std::find(std::begin(kTurnEnds), std::end(kTurnEnds), text) != std::end(kTurnEnds);
    const int64_t id = static_cast<int64_t>(i);
    if (known && std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
  }
}

}  // namespace

Result<std::vector<int64_t>> translate_gguf_vocab(const GgufFile& file, std::string_view who, Checkpoint& into) {
  std::vector<int64_t> ends;
  into.tokenizer_config = Json::object();
  into.generation_config = Json::object();
  TRY(const auto model, find_string(file, full_key("model"), who));
  TRY(const auto chat_template, find_string(file, "tokenizer.chat_template", who));
  if (chat_template) {
    into.chat_template = *chat_template;
    into.tokenizer_config["chat_template"] = *chat_template;
  }
  if (!model || *model == "none" || *model == "no_vocab") return ends;  // a model without a tokenizer is still a model
  TRY(const auto pre, find_string(file, full_key("pre"), who));
  into.vocab = {{"model", *model}, {"pre", pre.value_or("default")}};
  TRY_DONE(translate_lists(file, who, into.vocab));
  if (!has(into.vocab, "tokens"))
    return error("{}: metadata '{}' is missing, want the vocabulary", who, full_key("tokens"));
  TRY_DONE(translate_ids(file, who, into, ends));
  for (const auto& [gguf, vocab] : kFlags) {
    TRY(const auto flag, find_bool(file, full_key(gguf), who));
    if (!flag) continue;
    into.vocab[std::string(vocab)] = *flag;
    if (vocab != "add_space_prefix") into.tokenizer_config[std::string(gguf)] = *flag;
  }
  add_turn_ends(into.vocab, ends);
  return ends;
}

}  // namespace hearth
