// Sampling: flags that were not given are left to the model's own defaults.
#include "sampling.h"

#include <fmt/format.h>

#include <random>

namespace cli {
namespace {

// "15043+1.5", "15043-inf" -> {"15043": 1.5}
bool add_bias(const std::string& text, Json& bias) {
  const size_t sign = text.find_first_of("+-");
  const bool has_id = sign != std::string::npos && sign > 0 && text.find_first_not_of("0123456789") == sign;
  char* end = nullptr;
  const double value = has_id ? std::strtod(text.c_str() + sign, &end) : 0;
  if (!has_id || end == text.c_str() + sign || *end != 0 || value != value) {
    fail(fmt::format("--logit-bias: got '{}', want ID+BIAS or ID-BIAS, as 15043-1 or 15043-inf", text));
    return false;
  }
  const std::string id = text.substr(0, sign);
  if (std::isfinite(value)) {
    bias[id] = value;
  } else {
    bias[id] = value < 0 ? Json("-inf") : Json(1e30);
  }
  return true;
}

}  // namespace

uint64_t random_seed() { return std::random_device{}() & 0x7fffffffu; }

void SamplingFlags::add_to(CLI::App& app) {
  app.add_option("-n,--predict,--max-tokens", max_tokens_, "most tokens to answer with (default: until the model ends)");
  app.add_option("--temp,--temperature", temperature_, "0: always the likeliest token");
  app.add_option("--top-k", top_k_, "draw among the k likeliest (0: off)");
  app.add_option("--top-p", top_p_, "draw among the likeliest that reach this probability (1: off)");
  app.add_option("--min-p", min_p_, "leave out what is less likely than this part of the likeliest (0: off)");
  app.add_option("--repeat-penalty", repetition_, "divide the logits of recent tokens (1: off)");
  app.add_option("--repeat-last-n", window_, "recent tokens that penalties see (-1: all)");
  app.add_option("--frequency-penalty", frequency_, "take this off a logit for each recent occurrence");
  app.add_option("--presence-penalty", presence_, "take this off the logit of each recent token");
  app.add_option("-s,--seed", seed_, "same seed, same answer (default: random in a chat, 0 otherwise; -1: random)");
  app.add_option("--logit-bias", bias_, "ID+BIAS or ID-BIAS, may be given again")->allow_extra_args(false);
  app.add_option("--stop,-r,--reverse-prompt", stop_, "end the answer at this text, may be given again")->allow_extra_args(false);
  app.add_option("-j,--json-schema", schema_, "the answer is JSON that validates against this schema ({}: any JSON)");
  app.add_option("--json-schema-file", schema_file_, "the same, from a file");
  app.add_option("--regex", regex_, "the answer matches this regular expression as a whole");
  app.add_option("--grammar", grammar_, "the answer is what this GBNF grammar says");
  app.add_option("--grammar-file", grammar_file_, "the same, from a file");
}

std::optional<Json> SamplingFlags::request(uint64_t default_seed) const {
  Json request = Json::object();
  const auto set = [&](const char* key, const auto& value) {
    if (value) request[key] = *value;
  };
  set("max_tokens", max_tokens_);
  set("temperature", temperature_);
  set("top_k", top_k_);
  set("top_p", top_p_);
  set("min_p", min_p_);
  set("repetition_penalty", repetition_);
  set("frequency_penalty", frequency_);
  set("presence_penalty", presence_);
  set("penalty_window", window_);
  request["seed"] = !seed_ ? default_seed : *seed_ == -1 ? random_seed() : static_cast<uint64_t>(*seed_);
  Json bias = Json::object();
  for (const std::string& text : bias_) {
    if (!add_bias(text, bias)) return std::nullopt;
  }
  if (!bias.empty()) request["logit_bias"] = bias;
  if (!stop_.empty()) request["stop"] = stop_;
  set("json_schema", schema_);
  set("regex", regex_);
  set("grammar", grammar_);
  for (const auto& [key, file] : {std::pair{"json_schema", &schema_file_}, std::pair{"grammar", &grammar_file_}}) {
    if (!*file) continue;
    const auto text = read_file(**file);
    if (!text) return std::nullopt;
    request[key] = *text;
  }
  return request;
}

}  // namespace cli
