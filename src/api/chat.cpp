// Chat: messages go through the model's own template; special tokens are added once, by the template or by the tokenizer.
#include "api/chat.h"

#include <cstdlib>
#include <ctime>
#include <limits>

namespace hearth {
namespace {

constexpr double kMostTokens = 1 << 30;

const std::vector<std::string> kRequestKeys = {
    "messages", "prompt", "ids", "max_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "frequency_penalty",
    "presence_penalty", "penalty_window", "seed", "logit_bias", "stop", "ignore_end", "template", "tools"};

// The model's own value for `key`, where its card has one that is a number.
double default_of(const ModelCard& card, const char* key, double fallback) {
  if (!card.details.is_object() || !has(card.details, "sampling")) return fallback;
  const Json& sampling = card.details["sampling"];
  return sampling.is_object() && has(sampling, key) && sampling[key].is_number() ? sampling[key].get<double>() : fallback;
}

Result<std::map<int32_t, float>> read_bias(const Options& options) {
  std::map<int32_t, float> bias;
  if (!options.has("logit_bias")) return bias;
  const OrderedJson& object = options["logit_bias"];
  if (!object.is_object()) return options.wrong_type("logit_bias", "an object of id: bias");
  for (const auto& item : object.items()) {
    char* end = nullptr;
    const long id = std::strtol(item.key().c_str(), &end, 10);
    if (item.key().empty() || *end != 0 || id < 0 || id > std::numeric_limits<int32_t>::max()) {
      return error("generate: 'logit_bias': '{}' is no id", item.key());
    }
    const OrderedJson& value = item.value();
    if (value == "-inf") {
      bias[static_cast<int32_t>(id)] = -std::numeric_limits<float>::infinity();
    } else if (value.is_number()) {
      bias[static_cast<int32_t>(id)] = value.get<float>();
    } else {
      return error("generate: 'logit_bias': got {} for id {}, want a number or \"-inf\"", value.type_name(), id);
    }
  }
  return bias;
}

Result<SamplerOptions> read_sampler(const Options& options, const ModelCard& card) {
  constexpr double kBig = 1e30;
  SamplerOptions read;
  const auto number = [&](const char* key, float fallback, Range range) {
    return options.number(key, default_of(card, key, fallback), range);
  };
  TRY(const double temperature, number("temperature", read.temperature, {0, 1e6}));
  TRY(const double top_p, number("top_p", read.top_p, {0, 1}));
  TRY(const double min_p, number("min_p", read.min_p, {0, 1}));
  TRY(const double repetition, number("repetition_penalty", read.repetition_penalty, {1e-6, 1e6}));
  TRY(const double frequency, number("frequency_penalty", read.frequency_penalty, {-kBig, kBig}));
  TRY(const double presence, number("presence_penalty", read.presence_penalty, {-kBig, kBig}));
  const auto top_k_default = static_cast<int64_t>(default_of(card, "top_k", read.top_k));
  TRY(const int64_t top_k, options.integer("top_k", top_k_default, {0, kMostTokens}));
  TRY(const int64_t window, options.integer("penalty_window", read.penalty_window, {-1, kMostTokens}));
  TRY(const int64_t seed, options.integer("seed", 0, {-9.3e18, 9.3e18}));
  TRY(read.logit_bias, read_bias(options));
  read.temperature = static_cast<float>(temperature);
  read.top_p = static_cast<float>(top_p);
  read.min_p = static_cast<float>(min_p);
  read.repetition_penalty = static_cast<float>(repetition);
  read.frequency_penalty = static_cast<float>(frequency);
  read.presence_penalty = static_cast<float>(presence);
  read.top_k = static_cast<int>(top_k);
  read.penalty_window = static_cast<int>(window);
  read.seed = static_cast<uint64_t>(seed);
  return read;
}

Result<Done> need_tokenizer(const Engine& engine) {
  if (engine.has_tokenizer()) return Done{};
  return error("generate: the model '{}' has no tokenizer; give \"ids\" instead of text", engine.card().name);
}

// Text that a template has rendered: it may hold the beginning-of-text token already.
std::vector<int32_t> encode_rendered(const Engine& engine, const std::string& text) {
  std::vector<int32_t> ids = engine.tokenizer().encode(text, Specials::none);
  const int64_t bos = engine.card().bos_id;
  const bool begins = !ids.empty() && ids.front() == bos;
  if (bos < 0 || begins) return ids;
  const std::vector<int32_t> full = engine.tokenizer().encode(text, Specials::add);
  if (!full.empty() && full.front() == bos) ids.insert(ids.begin(), full.front());
  return ids;
}

Result<std::vector<int32_t>> chat_ids(const Options& options, const Engine& engine) {
  TRY_DONE(need_tokenizer(engine));
  if (engine.chat_template() == nullptr) {
    return error("generate: the model '{}' has no chat template; give \"prompt\" instead of \"messages\"", engine.card().name);
  }
  if (!options["messages"].is_array()) return options.wrong_type("messages", "a list of {\"role\", \"content\"}");
  OrderedJson values = OrderedJson::object();
  values["add_generation_prompt"] = true;
  if (options.has("template")) {
    if (!options["template"].is_object()) return options.wrong_type("template", "an object of template variables");
    values.update(options["template"]);
  }
  values["messages"] = options["messages"];
  if (options.has("tools")) values["tools"] = options["tools"];
  OrderedJson defaults = OrderedJson::object();
  const Json& details = engine.card().details;
  if (details.is_object() && has(details, "template_values") && details["template_values"].is_object()) {
    for (const auto& item : details["template_values"].items()) defaults[item.key()] = OrderedJson(item.value());
  }
  TRY(const std::string text, render_chat(*engine.chat_template(), std::move(values), defaults));
  return encode_rendered(engine, text);
}

}  // namespace

Result<int64_t> read_time(const OrderedJson& value) {
  if (value.is_number()) {
    const double seconds = value.get<double>();
    if (seconds > -1e15 && seconds < 1e15) return static_cast<int64_t>(seconds);
  }
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    std::tm time{};
    const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
    if (end == nullptr) end = strptime(text.c_str(), "%Y-%m-%d", &time);
    if (end != nullptr && (*end == 0 || *end == 'Z' || *end == '.')) return static_cast<int64_t>(timegm(&time));
  }
  return error("template: 'now': want Unix seconds or \"2026-03-14T15:09:26\", got {}", dump(Json(value)).substr(0, 80));
}

Result<std::string> render_chat(const Template& source, OrderedJson values, const OrderedJson& defaults) {
  int64_t now = static_cast<int64_t>(std::time(nullptr));
  if (values.contains("now") && !values["now"].is_null()) {
    TRY(now, read_time(values["now"]));
  }
  values.erase("now");
  for (const auto& item : defaults.items()) {
    if (!values.contains(item.key())) values[item.key()] = item.value();
  }
  for (const char* key : {"tools", "documents"}) {       // what transformers always gives, None where the caller gave nothing
    if (!values.contains(key)) values[key] = nullptr;
  }
  return source.render(values, now);
}

Result<Request> read_request(const char* json, const Engine& engine) {
  TRY(const Options options, Options::parse(json, "generate", kRequestKeys));
  Request request;
  const int sources = options.has("messages") + options.has("prompt") + options.has("ids");
  if (sources != 1) return error("generate: got {} of \"messages\", \"prompt\" and \"ids\", want exactly one", sources);
  if (options.has("messages")) {
    TRY(request.prompt, chat_ids(options, engine));
  } else if (options.has("prompt")) {
    TRY_DONE(need_tokenizer(engine));
    TRY(const std::string text, options.text("prompt", ""));
    request.prompt = engine.tokenizer().encode(text, Specials::add);
    request.continues_text = true;
    if (request.prompt.empty() && engine.card().bos_id >= 0) request.prompt = {static_cast<int32_t>(engine.card().bos_id)};
  } else {
    TRY(request.prompt, options.ids("ids"));
  }
  TRY(request.sampler, read_sampler(options, engine.card()));
  TRY(request.max_new, options.integer("max_tokens", -1, {-1, kMostTokens}));
  TRY(request.stop, options.texts("stop"));
  TRY(request.ignore_end, options.flag("ignore_end", false));
  return request;
}

}  // namespace hearth
