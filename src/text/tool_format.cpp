// The set of tool formats, and which one a chat template writes.
#include "text/tool_format.h"

#include <algorithm>
#include <array>

#include "base/set.h"
#include "text/message.h"
#include "text/template.h"

namespace hearth {

#define HEARTH_MEMBER(name) ToolFormat name();
#include "sets/text_tool_formats.inc"
#undef HEARTH_MEMBER

const std::vector<ToolFormat>& tool_formats() {
  static const std::vector<ToolFormat> kFormats = {
#define HEARTH_MEMBER(name) name(),
#include "sets/text_tool_formats.inc"
#undef HEARTH_MEMBER
  };
  return kFormats;
}

const ToolFormat* find_tool_format(std::string_view name) {
  for (const ToolFormat& format : tool_formats())
    if (format.name == name) return &format;
  return nullptr;
}

const std::vector<ReasoningPair>& reasoning_pairs() {
  static const std::vector<ReasoningPair> kPairs = {
      {"<think>", "</think>"}, {"[THINK]", "[/THINK]"}, {"<|START_THINKING|>", "<|END_THINKING|>"}};
  return kPairs;
}

std::vector<std::string> tool_format_names() {
  std::vector<std::string> names;
  for (const ToolFormat& format : tool_formats()) names.emplace_back(format.name);
  return names;
}

std::vector<std::string> markers_of(std::string_view tool_format) {
  std::vector<std::string> markers;
  const ToolFormat* format = find_tool_format(tool_format);
  if (!format) return markers;
  markers.assign(format->markers.begin(), format->markers.end());
  if (format->reasoning == ReasoningTags::own) return markers;
  for (const ReasoningPair& pair : reasoning_pairs()) {
    markers.emplace_back(pair.open);
    markers.emplace_back(pair.close);
  }
  return markers;
}

bool prompt_opens_reasoning(std::string_view prompt) {
  prompt = prompt.substr(0, prompt.find_last_not_of(" \t\r\n") + 1);
  return prompt.ends_with("<|channel|>analysis<|message|>") ||
         std::any_of(reasoning_pairs().begin(), reasoning_pairs().end(),
                     [&](const ReasoningPair& pair) { return prompt.ends_with(pair.open); });
}

Result<std::vector<OfferedTool>> read_tools(const Json& tools) {
  std::vector<OfferedTool> read;
  if (tools.is_null()) return read;
  if (!tools.is_array()) return error("tools: got {}, want a list", tools.type_name());
  for (size_t index = 0; index < tools.size(); ++index) {
    const Json& tool = tools[index];
    const std::string who = fmt::format("tools[{}]", index);
    if (!tool.is_object()) return error("{}: got {}, want an object", who, tool.type_name());
    const Json& function = has(tool, "function") ? tool["function"] : tool;
    TRY(std::string name, get_string(function, "name", who));
    if (name.empty() || name.size() > 128) return error("{}.name: got {} bytes, want 1 to 128", who, name.size());
    for (const char byte : name)
      if (static_cast<unsigned char>(byte) <= 0x20 ||
          std::string_view("\"'\\<>[]{}(),;=").find(byte) != std::string_view::npos)
        return error("{}.name: got '{}', want letters, digits, '_', '-', '.'", who, name);
    Json parameters = has(function, "parameters") ? function["parameters"] : Json();
    if (!parameters.is_null() && !parameters.is_object())
      return error("{}.parameters: got {}, want a JSON Schema object", who, parameters.type_name());
    read.push_back({std::move(name), std::move(parameters)});
  }
  return read;
}

namespace {

constexpr const char* kProbe = "probe_of_tools";

// An assistant's turn with a call, as templates want it: with or without content, arguments as an object or as text.
OrderedJson probe(bool with_content, bool as_text, bool with_tools) {
  const OrderedJson arguments = {{"city", "Paris"}};
  const OrderedJson shown = as_text ? OrderedJson(arguments.dump()) : arguments;
  const OrderedJson function = {{"name", kProbe}, {"arguments", shown}};
  const OrderedJson call = {{"id", "abc123456"}, {"type", "function"}, {"function", function}};
  OrderedJson assistant = {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", OrderedJson::array({call})}};
  if (with_content) assistant["content"] = "";
  OrderedJson values;
  values["messages"] = OrderedJson::array({{{"role", "user"}, {"content", "where the call begins"}}, assistant});
  values["tools"] = nullptr;
  const OrderedJson schema = {{"type", "object"}, {"properties", {{"city", {{"type", "string"}}}}}};
  const OrderedJson tool = {{"name", kProbe}, {"description", "A tool."}, {"parameters", schema}};
  if (with_tools) values["tools"] = OrderedJson::array({{{"type", "function"}, {"function", tool}}});
  values["add_generation_prompt"] = false;
  values["bos_token"] = values["eos_token"] = "";
  return values;
}

// What the template writes for a call, or "".
std::string rendered_call(std::string_view source) {
  const auto parsed = Template::parse(source, GenerationTag::prints_body);
  if (!parsed) return {};
  for (int form = 0; form < 8; ++form) {
    const auto text = parsed->render(probe((form & 1) == 0, (form & 2) != 0, (form & 4) != 0), 0);
    if (!text) continue;
    const size_t user = text->find("where the call begins");
    const size_t begin = user == std::string::npos ? 0 : user;
    if (text->find(kProbe, begin) != std::string::npos) return text->substr(begin);
  }
  return {};
}

const ToolFormat* format_with_signs(std::string_view text) {
  const auto stands = [&](std::string_view sign) { return text.find(sign) != std::string_view::npos; };
  for (const ToolFormat& format : tool_formats())
    if (!format.signs.empty() && std::all_of(format.signs.begin(), format.signs.end(), stands) &&
        std::none_of(format.foreign.begin(), format.foreign.end(), stands))
      return &format;
  return nullptr;
}

}  // namespace

std::string detect_tool_format(std::string_view chat_template) {
  const ToolFormat* format = format_with_signs(rendered_call(chat_template));
  if (!format) format = format_with_signs(chat_template);
  return format ? std::string(format->name) : "generic";
}

}  // namespace hearth
