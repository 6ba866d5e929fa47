// Grammars that force calls, from how a format writes them.
#include <algorithm>

#include "text/message.h"
#include "text/tool_parameters.h"

namespace hearth {
namespace {

// Text between tags, and text between harmony's markers: whatever does not begin one.
constexpr std::string_view kPlainRules =
    "value ::= ( [^<] | \"<\"+ [^/<] )*\n"
    "plain ::= ( [^<] | \"<\"+ [^|<] )*\n";

// A GBNF string: every byte that has a meaning there is escaped.
std::string gbnf_string(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') out += '\\';
    if (byte == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(byte) < 0x20)
      out += fmt::format("\\x{:02X}", static_cast<unsigned>(byte));
    else
      out += byte;
  }
  return out + "\"";
}

class GrammarWriter {
 public:
  explicit GrammarWriter(const ToolFormat& format) : format_(format) {}

  Result<ToolGrammar> write(const std::vector<OfferedTool>& tools, ToolChoice choice, ToolCalls calls) {
    const ToolWriting& writing = format_.writing;
    std::string choices;
    for (const OfferedTool& tool : tools) {
      TRY(std::string arguments, arguments_of(tool));
      const std::string rule = fmt::format("call-{}", count_++);
      rules_ += fmt::format("{} ::= {} {} {}\n", rule,
                            gbnf_string(std::string(writing.before_name) + tool.name + std::string(writing.after_name)),
                            arguments, gbnf_string(writing.after_arguments));
      choices += (choices.empty() ? "" : " | ") + rule;
    }
    const std::string preface = choice == ToolChoice::automatic ? "" : std::string(writing.preface);
    const bool several = writing.several && calls == ToolCalls::parallel;
    const std::string more = several ? fmt::format(" ( {} call )*", gbnf_string(writing.between)) : "";
    made_.gbnf = fmt::format("root ::= {} {} call{} {}\ncall ::= {}\n{}{}", preface, gbnf_string(writing.begin), more,
                             gbnf_string(writing.end), choices, rules_, kPlainRules);
    if (choice == ToolChoice::automatic) made_.trigger = format_.trigger;
    return std::move(made_);
  }

 private:
  std::string schema_rule(Json schema) {
    made_.schemas.push_back({fmt::format("json-{}", made_.schemas.size()), std::move(schema)});
    return made_.schemas.back().name;
  }

  Result<std::string> arguments_of(const OfferedTool& tool) {
    Json schema = tool.parameters.is_object() ? tool.parameters : Json::object();
    if (!format_.tags.open.empty()) return parameters_of(tool.name, schema);
    if (!schema.contains("type")) schema["type"] = "object";
    return schema_rule(std::move(schema));
  }

  // Tags in the order of the schema, those not required left out at will.
  Result<std::string> parameters_of(const std::string& tool, const Json& schema) {
    const ParameterTags& tags = format_.tags;
    const std::string line = tags.value_on_lines ? "\n" : "";
    std::string row = gbnf_string("");
    if (!schema.contains("properties") || !schema["properties"].is_object()) return row;
    const Json required = schema.value("required", Json::array());
    for (const auto& [key, of_key] : schema["properties"].items()) {
      TRY(std::string value, value_of(schema, tool, key, of_key));
      const std::string open = std::string(tags.open) + key + std::string(tags.key_end) + std::string(tags.value_open);
      const std::string one =
          fmt::format("{} {} {}", gbnf_string(open + line), value, gbnf_string(line + std::string(tags.close) + line));
      const bool must = std::find(required.begin(), required.end(), Json(key)) != required.end();
      row += must ? " " + one : fmt::format(" ( {} )?", one);
    }
    return row;
  }

  Result<std::string> value_of(const Json& schema, const std::string& tool, const std::string& key,
                               const Json& of_key) {
    if (kind_of_parameter(schema, key) == ParameterKind::text) return text_of(tool, key, of_key);
    Json alone = of_key;
    for (const char* definitions : {"$defs", "definitions"})
      if (alone.is_object() && has(schema, definitions)) alone[definitions] = schema[definitions];
    return schema_rule(std::move(alone));
  }

  // A string stands there as it is, so only what can be said of plain text can be forced.
  Result<std::string> text_of(const std::string& tool, const std::string& key, const Json& schema) {
    Json values = schema.value("enum", Json::array());
    if (has(schema, "const")) values = Json::array({schema["const"]});
    std::string choices;
    for (const Json& value : values)
      if (value.is_string()) choices += (choices.empty() ? "" : " | ") + gbnf_string(value.get<std::string>());
    if (!choices.empty()) return "( " + choices + " )";
    for (const char* unforced : {"pattern", "format", "minLength", "maxLength"})
      if (has(schema, unforced))
        return error("tool '{}': parameter '{}': '{}' cannot be forced in format {}; leave it out of the schema", tool,
                     key, unforced, format_.name);
    return std::string("value");
  }

  const ToolFormat& format_;
  ToolGrammar made_;
  std::string rules_;
  int count_ = 0;
};

}  // namespace

Result<ToolGrammar> tool_grammar(std::string_view tool_format, const std::vector<OfferedTool>& tools, ToolChoice choice,
                                 ToolCalls calls) {
  const ToolFormat* format = find_tool_format(tool_format);
  if (!format) return error("tool format: got '{}', want one of {}", tool_format, fmt::join(tool_format_names(), ", "));
  if (tools.empty()) return error("tools: got none, want one that may be called");
  return GrammarWriter(*format).write(tools, choice, calls);
}

}  // namespace hearth
