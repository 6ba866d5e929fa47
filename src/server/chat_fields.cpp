// The fields that OpenAI's APIs share: sampling, structured output, tools, messages.
#include <cstdlib>
#include <limits>

#include "server/chat_call.h"

namespace hearth {
namespace {

constexpr double kBig = 1e30;

std::map<int32_t, float> read_bias(Fields& fields) {
  std::map<int32_t, float> bias;
  const OrderedJson* object = fields.object("logit_bias");
  if (object == nullptr) return bias;
  for (const auto& item : object->items()) {
    char* end = nullptr;
    const long id = std::strtol(item.key().c_str(), &end, 10);
    if (item.key().empty() || *end != 0 || id < 0 || id > std::numeric_limits<int32_t>::max()) {
      fields.fail("logit_bias", fmt::format("'{}' is no token id", item.key()));
    } else if (!item.value().is_number() || std::abs(item.value().get<double>()) > 100) {
      fields.fail("logit_bias", fmt::format("token {}: want a number from -100 to 100", id));
    } else {
      bias[static_cast<int32_t>(id)] = item.value().get<float>();
    }
  }
  return bias;
}

GrammarAsked read_response_format(Fields& fields) {
  const OrderedJson* format = fields.object("response_format");
  if (format == nullptr) return {};
  Fields inner(*format, "response_format");
  const std::string type = inner.one_of("type", "text", {"text", "json_object", "json_schema"});
  GrammarAsked asked{.param = "response_format"};
  if (type == "json_object") asked.kind = GrammarKind::json_object;
  if (const OrderedJson* wrapped = inner.object("json_schema"); wrapped != nullptr && type == "json_schema") {
    Fields schema(*wrapped, "response_format.json_schema");
    schema.need_text("name");
    schema.ignore({"description", "strict"});
    asked.kind = GrammarKind::json_schema;
    if (const OrderedJson* text = schema.any("schema")) {
      asked.text = dump(*text);
    } else {
      asked.kind = GrammarKind::json_object;
    }
    if (auto failure = schema.done()) inner.fail(*failure);
  } else if (type == "json_schema") {
    inner.fail("json_schema", "is missing, want {\"name\", \"schema\"}");
  }
  if (auto failure = inner.done()) fields.fail(*failure);
  return asked;
}

struct TextGrammar {
  const char* key;
  GrammarKind kind;
};
constexpr TextGrammar kTextGrammars[] = {{"grammar", GrammarKind::gbnf}, {"regex", GrammarKind::regex}};

// Content as one text. Parts of other kinds are refused: the models served here read text.
std::string read_content(Fields& message, const OrderedJson& content) {
  if (content.is_null()) return "";
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) {
    message.fail("content", fmt::format("got {}, want a string or a list of parts", content.type_name()));
    return text;
  }
  for (size_t i = 0; i < content.size(); ++i) {
    Fields part(content[i], fmt::format("{}[{}]", message.path("content"), i));
    const std::string type = part.one_of("type", "text", {"text", "input_text", "output_text", "refusal"});
    text += part.need_text(type == "refusal" ? "refusal" : "text");
    part.ignore({"annotations", "cache_control", "logprobs"});
    if (auto failure = part.done()) message.fail(*failure);
  }
  return text;
}

// Templates take arguments as objects; OpenAI's clients send them as text.
OrderedJson read_tool_calls(Fields& message, const OrderedJson& list) {
  OrderedJson calls = OrderedJson::array();
  for (size_t i = 0; i < list.size(); ++i) {
    Fields call(list[i], fmt::format("{}[{}]", message.path("tool_calls"), i));
    const std::string id = call.text("id");
    call.one_of("type", "function", {"function"});
    call.ignore({"index"});
    if (const OrderedJson* function = call.object("function")) {
      Fields inner(*function, call.path("function"));
      const std::string name = inner.need_text("name");
      const OrderedJson* given = inner.any("arguments");
      OrderedJson arguments = given == nullptr ? OrderedJson::object() : *given;
      if (arguments.is_string()) {
        auto parsed = parse_ordered_json(arguments.get<std::string>(), "arguments");
        if (parsed.ok()) arguments = std::move(*parsed);  // else as text: templates print it
      }
      calls.push_back({{"id", id}, {"type", "function"}, {"function", {{"name", name}, {"arguments", arguments}}}});
      if (auto failure = inner.done()) call.fail(*failure);
    } else {
      call.fail("function", "is missing, want {\"name\", \"arguments\"}");
    }
    if (auto failure = call.done()) message.fail(*failure);
  }
  return calls;
}

}  // namespace

OrderedJson read_message(Fields& fields, const OrderedJson& value, const std::string& where) {
  Fields message(value, where);
  OrderedJson out = OrderedJson::object();
  std::string role = message.need_text("role");
  if (!message.failed())
    role = message.one_of("role", "user", {"system", "developer", "user", "assistant", "tool", "function"});
  if (role == "developer") role = "system";
  out["role"] = role;
  const OrderedJson* content = message.any("content");
  out["content"] = read_content(message, content == nullptr ? OrderedJson(nullptr) : *content);
  if (const OrderedJson* calls = message.list("tool_calls"); calls != nullptr && !calls->empty()) {
    out["tool_calls"] = read_tool_calls(message, *calls);
  }
  for (const char* key : {"name", "tool_call_id", "reasoning_content"}) {
    if (message.has(key)) out[key] = message.text(key);
  }
  if (content == nullptr && role != "assistant") message.fail("content", "is missing, want a string");
  message.ignore({"refusal", "audio", "function_call", "annotations"});
  if (auto failure = message.done()) fields.fail(*failure);
  return out;
}

SamplingAsked read_sampling(Fields& fields) {
  SamplingAsked asked;
  const auto number = [&](const char* key, std::optional<double>& value, Between range) {
    const double read = fields.number(key, 0, range);
    if (fields.has(key)) value = read;
  };
  number("temperature", asked.temperature, {0, 100});
  number("top_p", asked.top_p, {0, 1});
  number("min_p", asked.min_p, {0, 1});
  number("repetition_penalty", asked.repetition_penalty, {1e-6, kBig});
  number("frequency_penalty", asked.frequency_penalty, {-2, 2});
  number("presence_penalty", asked.presence_penalty, {-2, 2});
  const int64_t top_k = fields.integer("top_k", 0, {-1, kMostTokens});
  if (fields.has("top_k")) asked.top_k = std::max<int64_t>(top_k, 0);
  const int64_t seed = fields.integer("seed", 0, {-9.3e18, 9.3e18});
  if (fields.has("seed")) asked.seed = seed;
  asked.logit_bias = read_bias(fields);
  return asked;
}

GrammarAsked read_grammar(Fields& fields) {
  GrammarAsked asked = read_response_format(fields);
  for (const TextGrammar& kind : kTextGrammars) {
    const std::string text = fields.text(kind.key);
    if (text.empty()) continue;
    if (asked.kind != GrammarKind::none) {
      fields.fail(kind.key, fmt::format("comes with '{}', want one of them", asked.param));
    }
    asked = {kind.kind, text, kind.key};
  }
  return asked;
}

void read_tool_fields(Fields& fields, ChatCall& call) {
  if (const OrderedJson* tools = fields.list("tools"); tools != nullptr && !tools->empty()) call.tools = *tools;
  read_tool_choice(fields, call, [](Fields& named) {
    const OrderedJson* function = named.object("function");
    if (function == nullptr) {
      named.fail("function", "is missing, want {\"name\"}");
      return std::string();
    }
    Fields inner(*function, named.path("function"));
    std::string name = inner.need_text("name");
    if (auto failure = inner.done()) named.fail(*failure);
    return name;
  });
}

void read_tool_choice(Fields& fields, ChatCall& call, const std::function<std::string(Fields& named)>& read_name) {
  call.parallel = fields.flag("parallel_tool_calls", true) ? ToolCalls::parallel : ToolCalls::one;
  const OrderedJson* choice = fields.any("tool_choice");
  if (choice == nullptr) return;
  if (choice->is_object()) {
    Fields named(*choice, "tool_choice");
    named.one_of("type", "function", {"function"});
    call.tool_use = ToolUse::required;
    call.tool_name = read_name(named);
    if (auto failure = named.done()) fields.fail(*failure);
  } else {
    const std::string word = fields.one_of("tool_choice", "auto", {"auto", "none", "required"});
    call.tool_use = word == "none" ? ToolUse::none : word == "required" ? ToolUse::required : ToolUse::automatic;
  }
  if (call.tool_use == ToolUse::required && call.tools.is_null())
    fields.fail("tool_choice", "asks for a call, but there are no 'tools'");
}

OrderedJson read_messages(Fields& fields) {
  OrderedJson messages = OrderedJson::array();
  const OrderedJson* list = fields.list("messages");
  if (list == nullptr || list->empty()) {
    fields.fail("messages", list == nullptr ? "is missing, want a list of {\"role\", \"content\"}"
                                            : "is empty, want at least one message");
    return messages;
  }
  for (size_t i = 0; i < list->size() && !fields.failed(); ++i)
    messages.push_back(read_message(fields, (*list)[i], fmt::format("messages[{}]", i)));
  return messages;
}

}  // namespace hearth
