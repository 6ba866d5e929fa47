// Items become messages, flat tools become nested ones.
#include "server/responses_fields.h"

namespace hearth {
namespace {

OrderedJson parsed_arguments(const std::string& text) {
  auto parsed = parse_ordered_json(text, "arguments");
  return parsed.ok() ? std::move(*parsed) : OrderedJson(text);
}

// Calls that follow each other are one assistant's message.
void add_call(OrderedJson& messages, OrderedJson call) {
  if (messages.empty() || messages.back()["role"] != "assistant") {
    messages.push_back({{"role", "assistant"}, {"content", ""}});
  }
  messages.back()["tool_calls"].push_back(std::move(call));
}

void read_item(Fields& fields, const OrderedJson& value, size_t index, OrderedJson& messages) {
  const std::string where = fmt::format("input[{}]", index);
  Fields item(value, where);
  const std::string type =
      item.one_of("type", "message", {"message", "function_call", "function_call_output", "reasoning"});
  if (type == "message" && value.is_object()) {
    OrderedJson message = value;
    for (const char* key : {"type", "id", "status", "phase"}) message.erase(key);
    messages.push_back(read_message(fields, message, where));
    return;
  }
  item.ignore({"id", "status", "summary", "content", "encrypted_content"});
  if (type == "function_call") {
    const std::string id = item.need_text("call_id"), name = item.need_text("name");
    const OrderedJson arguments = parsed_arguments(item.text("arguments", "{}"));
    add_call(messages, {{"id", id}, {"type", "function"}, {"function", {{"name", name}, {"arguments", arguments}}}});
  } else if (type == "function_call_output") {
    const std::string id = item.need_text("call_id");
    const OrderedJson* output = item.any("output");
    const OrderedJson content = output == nullptr ? OrderedJson("") : *output;
    messages.push_back(read_message(item, {{"role", "tool"}, {"tool_call_id", id}, {"content", content}}, where));
  }
  if (auto failure = item.done()) fields.fail(*failure);
}

void read_input(Fields& fields, OrderedJson& messages) {
  const OrderedJson* input = fields.any("input");
  if (input == nullptr) return fields.fail("input", "is missing, want a string or a list of items");
  if (input->is_string()) return messages.push_back({{"role", "user"}, {"content", *input}});
  if (!input->is_array() || input->empty()) return fields.fail("input", "want a string or a list of at least one item");
  for (size_t i = 0; i < input->size() && !fields.failed(); ++i) read_item(fields, (*input)[i], i, messages);
}

void read_tools(Fields& fields, ChatCall& call) {
  const OrderedJson* list = fields.list("tools");
  if (list != nullptr && !list->empty()) call.tools = OrderedJson::array();
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    Fields tool((*list)[i], fmt::format("tools[{}]", i));
    tool.one_of("type", "", {"function"});
    OrderedJson function = {{"name", tool.need_text("name")}, {"description", tool.text("description")}};
    const OrderedJson* parameters = tool.object("parameters");
    function["parameters"] = parameters == nullptr ? OrderedJson::object() : *parameters;
    tool.ignore({"strict", "defer_loading"});
    call.tools.push_back({{"type", "function"}, {"function", std::move(function)}});
    if (auto failure = tool.done()) fields.fail(*failure);
  }
  read_tool_choice(fields, call, [](Fields& named) { return named.need_text("name"); });
}

void read_text_format(Fields& fields, ChatCall& call) {
  const OrderedJson* text = fields.object("text");
  if (text == nullptr) return;
  Fields inner(*text, "text");
  inner.ignore({"verbosity"});
  if (const OrderedJson* value = inner.object("format")) {
    Fields format(*value, "text.format");
    const std::string type = format.one_of("type", "text", {"text", "json_object", "json_schema"});
    if (type == "json_object") call.grammar = {GrammarKind::json_object, "", "text.format"};
    if (type == "json_schema") {
      format.need_text("name");
      format.ignore({"description", "strict"});
      const OrderedJson* schema = format.any("schema");
      if (schema == nullptr) format.fail("schema", "is missing, want a JSON Schema");
      if (schema != nullptr) call.grammar = {GrammarKind::json_schema, dump(*schema), "text.format.schema"};
    }
    if (auto failure = format.done()) inner.fail(*failure);
  }
  if (auto failure = inner.done()) fields.fail(*failure);
}

void read_reasoning(Fields& fields, ChatCall& call) {
  const OrderedJson* reasoning = fields.object("reasoning");
  if (reasoning == nullptr) return;
  Fields inner(*reasoning, "reasoning");
  const std::string effort = inner.one_of("effort", "", {"none", "minimal", "low", "medium", "high", "xhigh"});
  inner.ignore({"summary", "generate_summary"});
  if (!effort.empty()) {
    call.template_values["reasoning_effort"] = effort;
    call.template_values["enable_thinking"] = effort != "none";
  }
  if (auto failure = inner.done()) fields.fail(*failure);
}

// What the answer says again of the request, with OpenAI's defaults.
OrderedJson echo_of(const OrderedJson& body) {
  OrderedJson echo = {{"instructions", nullptr},
                      {"max_output_tokens", nullptr},
                      {"parallel_tool_calls", true},
                      {"previous_response_id", nullptr},
                      {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
                      {"store", true},
                      {"temperature", 1.0},
                      {"text", {{"format", {{"type", "text"}}}}},
                      {"tool_choice", "auto"},
                      {"tools", OrderedJson::array()},
                      {"top_p", 1.0},
                      {"truncation", "disabled"},
                      {"user", nullptr},
                      {"metadata", OrderedJson::object()}};
  for (auto& item : echo.items()) {
    const auto given = body.find(item.key());
    if (given != body.end() && !given->is_null()) item.value() = *given;
  }
  return echo;
}

}  // namespace

ApiResult<ResponsesBody> read_responses_body(const OrderedJson& body, const ResponseStore& store) {
  Fields fields(body);
  ResponsesBody read;
  ChatCall& call = read.call;
  call.model = fields.text("model");
  const std::string instructions = fields.text("instructions");
  if (!instructions.empty()) call.messages.push_back({{"role", "system"}, {"content", instructions}});
  read.instructions = call.messages.size();
  const std::string previous = fields.text("previous_response_id");
  if (!previous.empty()) {
    const auto known = store.find(previous);
    if (!known) fields.fail("previous_response_id", fmt::format("'{}' is not known here (any more)", previous));
    for (const OrderedJson& message : known ? known->messages : OrderedJson::array()) {
      call.messages.push_back(read_message(fields, message, "previous_response_id"));
    }
  }
  read_input(fields, call.messages);
  read_tools(fields, call);
  read_text_format(fields, call);
  read_reasoning(fields, call);
  call.sampling = read_sampling(fields);
  call.request.max_new = fields.integer("max_output_tokens", -1, {1, kMostTokens});
  read.delivery = fields.flag("stream", false) ? Delivery::stream : Delivery::whole;
  read.keep = fields.flag("store", true) ? Keep::yes : Keep::no;
  if (fields.flag("background", false)) fields.fail("background", "is not supported, want false");
  fields.one_of("truncation", "disabled", {"disabled"});
  fields.ignore({"metadata", "user", "service_tier", "include", "stream_options", "safety_identifier",
                 "prompt_cache_key", "prompt_cache_retention"});
  if (auto failure = fields.done()) return *failure;
  read.echo = echo_of(body);
  return read;
}

}  // namespace hearth
