// Chat: messages go through the model's own template; special tokens are added once, by the template or by the tokenizer.
#include "api/chat.h"

#include <cstdlib>
#include <limits>

#include "engine/chat_prompt.h"
#include "engine/grammar_kind.h"
#include "engine/sampling_defaults.h"

namespace hearth {
namespace {

constexpr double kMostTokens = 1 << 30;

const std::vector<std::string> kRequestKeys = {
    "messages", "prompt", "ids", "max_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "frequency_penalty",
    "presence_penalty", "penalty_window", "seed", "logit_bias", "stop", "ignore_end", "template", "tools", "json_schema",
    "json_object", "regex", "grammar", "adapter"};

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
  SamplerOptions read = sampling_defaults(card, {});
  const auto number = [&](const char* key, float fallback, Range range) { return options.number(key, fallback, range); };
  TRY(const double temperature, number("temperature", read.temperature, {0, 1e6}));
  TRY(const double top_p, number("top_p", read.top_p, {0, 1}));
  TRY(const double min_p, number("min_p", read.min_p, {0, 1}));
  TRY(const double repetition, number("repetition_penalty", read.repetition_penalty, {1e-6, 1e6}));
  TRY(const double frequency, number("frequency_penalty", read.frequency_penalty, {-kBig, kBig}));
  TRY(const double presence, number("presence_penalty", read.presence_penalty, {-kBig, kBig}));
  TRY(const int64_t top_k, options.integer("top_k", read.top_k, {0, kMostTokens}));
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

Result<std::vector<int32_t>> chat_ids(const Options& options, const Engine& engine) {
  if (!options["messages"].is_array()) return options.wrong_type("messages", "a list of {\"role\", \"content\"}");
  OrderedJson values = OrderedJson::object();
  if (options.has("template")) {
    if (!options["template"].is_object()) return options.wrong_type("template", "an object of template variables");
    values.update(options["template"]);
  }
  values["messages"] = options["messages"];
  if (options.has("tools")) values["tools"] = options["tools"];
  TRY(const ChatPrompt prompt, chat_prompt(engine, std::move(values)));
  return prompt.ids;
}

}  // namespace

namespace {

struct GrammarKey {
  const char* key;
  GrammarKind kind;
};
constexpr GrammarKey kGrammarKeys[] = {
    {"json_schema", GrammarKind::json_schema}, {"regex", GrammarKind::regex}, {"grammar", GrammarKind::gbnf}};

// What the answer must be, bound to the model's tokens; null where nothing was asked.
Result<std::shared_ptr<const BoundGrammar>> read_grammar(const Options& options, Engine& engine) {
  GrammarKind kind = GrammarKind::none;
  std::string text;
  TRY(const bool any_object, options.flag("json_object", false));
  int count = any_object ? 1 : 0;
  if (any_object) kind = GrammarKind::json_object;
  for (const GrammarKey& key : kGrammarKeys) {
    if (!options.has(key.key)) continue;
    ++count;
    kind = key.kind;
    const bool is_schema = kind == GrammarKind::json_schema && !options[key.key].is_string();      // an object or true
    if (is_schema) {
      text = options[key.key].dump();
    } else {
      TRY(text, options.text(key.key, ""));
    }
  }
  if (count > 1) return error("generate: got {} of \"json_schema\", \"json_object\", \"regex\" and \"grammar\", want at most one", count);
  if (kind == GrammarKind::none) return std::shared_ptr<const BoundGrammar>();
  TRY(const Grammar grammar, compile_grammar(kind, text));
  return engine.bind(grammar, fmt::format("{} {}", static_cast<int>(kind), text));
}

}  // namespace

Result<Request> read_request(const char* json, Engine& engine) {
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
  TRY(request.adapter, options.text("adapter", ""));
  TRY(request.grammar, read_grammar(options, engine));
  return request;
}

}  // namespace hearth
