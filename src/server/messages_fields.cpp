// Anthropic's blocks become OpenAI's messages: a tool's result is a message of its own, text blocks are joined.
#include "server/messages_fields.h"

namespace hearth {
namespace {

// Text of a string or of text blocks.
std::string read_text(Fields& fields, const std::string& key, const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string text;
  if (!value.is_array()) {
    fields.fail(key, fmt::format("got {}, want a string or a list of blocks", value.type_name()));
    return text;
  }
  for (size_t i = 0; i < value.size(); ++i) {
    Fields block(value[i], fmt::format("{}[{}]", fields.path(key), i));
    block.one_of("type", "text", {"text"});
    text += block.need_text("text");
    block.ignore({"cache_control", "citations"});
    if (auto failure = block.done()) fields.fail(*failure);
  }
  return text;
}

// One message's blocks, sorted into what OpenAI has in messages of their own.
struct Blocks {
  std::string text, reasoning;
  OrderedJson calls = OrderedJson::array();
  OrderedJson results = OrderedJson::array();  // messages of role "tool"
};

void read_block(Fields& message, const OrderedJson& value, size_t index, Blocks& blocks) {
  Fields block(value, fmt::format("{}[{}]", message.path("content"), index));
  const std::string type =
      block.one_of("type", "text", {"text", "thinking", "redacted_thinking", "tool_use", "tool_result"});
  block.ignore({"cache_control", "citations", "signature", "data", "caller"});
  if (type == "text") blocks.text += block.need_text("text");
  if (type == "thinking") blocks.reasoning += block.text("thinking");
  if (type == "tool_use") {
    const std::string id = block.need_text("id"), name = block.need_text("name");
    const OrderedJson* input = block.object("input");
    blocks.calls.push_back(
        {{"id", id},
         {"type", "function"},
         {"function", {{"name", name}, {"arguments", input == nullptr ? OrderedJson::object() : *input}}}});
  }
  if (type == "tool_result") {
    const std::string id = block.need_text("tool_use_id");
    block.flag("is_error", false);
    const OrderedJson* content = block.any("content");
    blocks.results.push_back({{"role", "tool"},
                              {"tool_call_id", id},
                              {"content", content == nullptr ? "" : read_text(block, "content", *content)}});
  }
  if (auto failure = block.done()) message.fail(*failure);
}

void read_message(Fields& fields, const OrderedJson& value, size_t index, OrderedJson& messages) {
  Fields message(value, fmt::format("messages[{}]", index));
  message.need_text("role");
  const std::string role = message.one_of("role", "user", {"user", "assistant", "system"});
  const OrderedJson* content = message.any("content");
  Blocks blocks;
  if (content == nullptr) {
    message.fail("content", "is missing, want a string or a list of blocks");
  } else if (content->is_array()) {
    for (size_t i = 0; i < content->size() && !message.failed(); ++i) read_block(message, (*content)[i], i, blocks);
  } else {
    blocks.text = read_text(message, "content", *content);
  }
  for (OrderedJson& result : blocks.results) messages.push_back(std::move(result));
  const bool only_results = !blocks.results.empty() && blocks.text.empty();
  if (!only_results) {
    OrderedJson out = {{"role", role}, {"content", blocks.text}};
    if (!blocks.reasoning.empty()) out["reasoning_content"] = blocks.reasoning;
    if (!blocks.calls.empty()) out["tool_calls"] = std::move(blocks.calls);
    messages.push_back(std::move(out));
  }
  if (auto failure = message.done()) fields.fail(*failure);
}

void read_tools(Fields& fields, ChatCall& call) {
  const OrderedJson* list = fields.list("tools");
  if (list != nullptr && !list->empty()) call.tools = OrderedJson::array();
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    Fields tool((*list)[i], fmt::format("tools[{}]", i));
    tool.one_of("type", "custom", {"custom"});
    OrderedJson function = {{"name", tool.need_text("name")}, {"description", tool.text("description")}};
    const OrderedJson* schema = tool.object("input_schema");
    function["parameters"] = schema == nullptr ? OrderedJson::object() : *schema;
    tool.ignore(
        {"cache_control", "strict", "defer_loading", "input_examples", "allowed_callers", "eager_input_streaming"});
    call.tools.push_back({{"type", "function"}, {"function", std::move(function)}});
    if (auto failure = tool.done()) fields.fail(*failure);
  }
  const OrderedJson* choice = fields.object("tool_choice");
  if (choice == nullptr) return;
  Fields inner(*choice, "tool_choice");
  const std::string type = inner.one_of("type", "auto", {"auto", "any", "tool", "none"});
  call.tool_name = inner.text("name");
  if (inner.flag("disable_parallel_tool_use", false)) call.parallel = ToolCalls::one;
  if (type == "none") call.tool_use = ToolUse::none;
  if (type == "any" || type == "tool") call.tool_use = ToolUse::required;
  if (type == "tool" && call.tool_name.empty()) inner.fail("name", "is missing, want a tool's name");
  if (call.tool_use == ToolUse::required && call.tools.is_null())
    inner.fail("type", "asks for a call, but there are no 'tools'");
  if (auto failure = inner.done()) fields.fail(*failure);
}

void read_thinking(Fields& fields, ChatCall& call) {
  const OrderedJson* thinking = fields.object("thinking");
  if (thinking == nullptr) return;
  Fields inner(*thinking, "thinking");
  const std::string type = inner.one_of("type", "disabled", {"enabled", "disabled", "adaptive"});
  inner.ignore({"budget_tokens", "display"});
  call.template_values["enable_thinking"] = type != "disabled";
  if (auto failure = inner.done()) fields.fail(*failure);
}

void read_output(Fields& fields, ChatCall& call) {
  const OrderedJson* output = fields.object("output_config");
  if (output == nullptr) return;
  Fields inner(*output, "output_config");
  inner.ignore({"effort"});
  if (const OrderedJson* value = inner.object("format")) {
    Fields format(*value, "output_config.format");
    format.one_of("type", "json_schema", {"json_schema"});
    const OrderedJson* schema = format.any("schema");
    if (schema == nullptr) format.fail("schema", "is missing, want a JSON Schema");
    if (schema != nullptr) call.grammar = {GrammarKind::json_schema, dump(*schema), "output_config.format.schema"};
    if (auto failure = format.done()) inner.fail(*failure);
  }
  if (auto failure = inner.done()) fields.fail(*failure);
}

}  // namespace

ApiResult<MessagesBody> read_messages_body(const OrderedJson& body, MaxTokens max_tokens) {
  Fields fields(body);
  MessagesBody read;
  ChatCall& call = read.call;
  call.model = fields.text("model");
  call.request.max_new = fields.integer("max_tokens", -1, {1, kMostTokens});
  if (max_tokens == MaxTokens::needed && !fields.has("max_tokens"))
    fields.fail("max_tokens", "is missing, want an integer");
  if (const OrderedJson* system = fields.any("system")) {
    call.messages.push_back({{"role", "system"}, {"content", read_text(fields, "system", *system)}});
  }
  const OrderedJson* messages = fields.list("messages");
  if (messages == nullptr || messages->empty())
    fields.fail("messages", "is missing or empty, want a list of {\"role\", \"content\"}");
  for (size_t i = 0; messages != nullptr && i < messages->size() && !fields.failed(); ++i) {
    read_message(fields, (*messages)[i], i, call.messages);
  }
  read_tools(fields, call);
  read_thinking(fields, call);
  const double temperature = fields.number("temperature", 1, {0, 1});
  const double top_p = fields.number("top_p", 1, {0, 1});
  const int64_t top_k = fields.integer("top_k", 0, {0, kMostTokens});
  if (fields.has("temperature")) call.sampling.temperature = temperature;
  if (fields.has("top_p")) call.sampling.top_p = top_p;
  if (fields.has("top_k")) call.sampling.top_k = top_k;
  call.request.stop = fields.texts("stop_sequences");
  read.delivery = fields.flag("stream", false) ? Delivery::stream : Delivery::whole;
  read_output(fields, call);
  fields.ignore({"metadata", "service_tier"});
  if (auto failure = fields.done()) return *failure;
  return read;
}

}  // namespace hearth
