// Message: what a model writes, taken apart as it comes: content, reasoning and tool calls, in deltas.
//
//   MessageParser parser(options);                    // one an answer
//   send(parser.add(piece)); ... send(parser.finish());
//
// Laws:
// - The sum of the deltas is the same however the text is cut into pieces, even between the bytes of a character.
// Pieces
//   of whole characters give deltas of whole characters.
// - Text that may begin a marker is held back until it is certain; `finish` gives out what is left.
// - A call is told as soon as its name is known and its arguments begin; from then on `arguments` is streamed as
//   JSON text as the model wrote it (raw control characters in strings are escaped; XML parameters become JSON).
// - Nothing is lost: what does not parse as a call of a tool offered is content, as it was written. Only markers, the
//   fields around a call, and the white space that touches a call or reasoning are left out.
// - A call that was told and then breaks off (the token limit, or no JSON) keeps the valid piece of arguments it has,
// what
//   follows is content, and `has_cut_call` says so. With `ToolStreaming::whole_calls` such a call is content as a
//   whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hearth {

struct ToolCallDelta {
  int index = 0;          // which call of the message, from 0
  std::string id;         // with the first delta of a call: "call_" and 24 letters, drawn from the seed
  std::string name;       // with the first delta of a call
  std::string arguments;  // the next piece of JSON text
};

struct MessageDelta {
  std::string content;
  std::string reasoning;
  std::vector<ToolCallDelta> tool_calls;

  bool is_empty() const { return content.empty() && reasoning.empty() && tool_calls.empty(); }
};

// What was offered to the model: OpenAI's {"name", "parameters"}.
struct OfferedTool {
  std::string name;
  Json parameters;  // JSON Schema, or null: gives XML parameters their types
};

// Takes OpenAI's `tools` ([{"type": "function", "function": {...}}], or the functions themselves).
Result<std::vector<OfferedTool>> read_tools(const Json& tools);

enum class ReasoningSplit {
  automatic,  // <think>...</think> and its like at the start of the answer; the channels of GPT-OSS
  off,        // reasoning is content
};
enum class ReasoningStart {
  by_model,   // the model writes <think> itself, or does not reason
  by_prompt,  // the prompt ended with <think>: the answer begins inside (see prompt_opens_reasoning)
};
enum class ToolStreaming { as_written, whole_calls };
enum class ToolCalls { one, parallel };

struct MessageOptions {
  std::string tool_format = "generic";  // a name of tool_format_names(), such as detect_tool_format gives
  std::vector<OfferedTool> tools;       // empty: no calls are looked for
  ReasoningSplit reasoning = ReasoningSplit::automatic;
  ReasoningStart reasoning_start = ReasoningStart::by_model;
  ToolStreaming streaming = ToolStreaming::as_written;
  ToolCalls calls = ToolCalls::parallel;  // one: what follows the first call is content
  uint64_t seed = 0;                      // of the ids
};

class MessageParser {
 public:
  // An unknown format is an error that names the known ones.
  static Result<MessageParser> make(MessageOptions options);
  MessageParser(MessageParser&&) noexcept;
  MessageParser& operator=(MessageParser&&) noexcept;
  ~MessageParser();

  MessageDelta add(std::string_view text);
  MessageDelta finish();

  bool has_tool_calls() const;  // at least one call was told
  bool has_cut_call() const;    // the arguments of a call that was told broke off
  bool is_settled() const;      // ToolCalls::one and the call has ended: nothing that follows is of use

 private:
  struct State;
  explicit MessageParser(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The names of all formats: deepseek_v3, deepseek_v31, generic, gpt_oss, hermes, llama3, mistral, ...
std::vector<std::string> tool_format_names();

// The format in which a chat template writes an assistant's tool calls: by what it renders for a made-up call, or,
// where that fails, by what stands in its source; "generic" when neither tells.
std::string detect_tool_format(std::string_view chat_template);

// Texts of special tokens that must be shown to the parser (and be spelled in the grammar's vocabulary), where the
// tokenizer has them as special tokens: markers of calls and of reasoning.
std::vector<std::string> markers_of(std::string_view tool_format);

// Does a rendered prompt end inside reasoning (`...<think>\n`)?
bool prompt_opens_reasoning(std::string_view prompt);

enum class ToolChoice {
  automatic,  // any text; once `trigger` was written, the rest must be calls
  required,   // at least one call
};

// A grammar that forces calls which parse and validate: GBNF in which the rules of `schemas` are left undefined, each
// being the text of a JSON value that validates against its schema.
struct ToolGrammar {
  struct SchemaRule {
    std::string name;
    Json schema;
  };
  std::string gbnf;  // rule `root` is the whole: one call or more
  std::vector<SchemaRule> schemas;
  // ToolChoice::automatic: the grammar holds from where this text begins in the answer. "": the format has none, or the
  // grammar holds from the start of the answer.
  std::string trigger;
};

// Tools: those that may be called (a named choice: that one alone). An error when there is none.
Result<ToolGrammar> tool_grammar(std::string_view tool_format, const std::vector<OfferedTool>& tools, ToolChoice choice,
                                 ToolCalls calls);

}  // namespace hearth
