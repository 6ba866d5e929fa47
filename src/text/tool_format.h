// Tool formats: how each family of models writes its calls, as small tables that one machine (message.cpp) walks.
//
// A format is a set of states. In a state the machine tries the edges in their order at each place of the text; an edge
// is a row of items, the last of which may be a call that is streamed. A format is one file of src/text/tool_formats
// that holds HEARTH_SET_MEMBER(tool_format, name) and defines ToolFormat name().
//
// Law: whether an edge matches must be certain from the text it has seen, whatever follows: that is what makes the
// result the same however the text is cut. So white space, names and the like are bounded and end at a byte that is not
// theirs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// How parameters stand in a call that is written as tags: <function=f><parameter=key>value</parameter></function>.
struct ParameterTags {
  std::string_view open;        // before the key
  std::string_view key_end;     // after the key
  std::string_view value_open;  // then, after white space ("" where key_end does both)
  std::string_view close;       // after the value
  std::string_view end;         // after the last parameter: the call is over
  bool value_on_lines = false;  // one line break before the value and one after it are not its own
};

struct ToolItem {
  enum class Kind {
    literal,     // `text`
    space,       // white space, or none
    name,        // the name of a tool offered
    word,        // an id: not white space, no quote, no bracket
    through,     // anything up to and with `text`
    call,        // {"name": "f", "arguments": {...}}; other keys and orders too (tool_json.h)
    arguments,   // {...}, of the tool named before
    parameters,  // tags, of the tool named before
  };
  Kind kind;
  std::string_view text = {};
};

// What becomes of the text of an edge when no call follows it.
enum class EdgeText {
  content,  // it is given back as content
  dropped,  // it is no text at all, such as <think>
};

struct ToolEdge {
  std::vector<ToolItem> items;
  std::string_view next;  // the state after it
  EdgeText text = EdgeText::content;
};

// What a byte is with which no edge begins.
enum class Outside {
  content,
  reasoning,
  leave,  // not of this state: state "text" looks at it again
};

// "start" (if a format has it) is where an answer begins, "text" where it goes on.
struct ToolState {
  std::string_view name;
  Outside outside;
  std::vector<ToolEdge> edges;
};

// How calls are written, for a grammar that forces them: begin call (between call)* end, where a call is
// before_name NAME after_name ARGUMENTS after_arguments.
struct ToolWriting {
  std::string_view begin, before_name, after_name, after_arguments, between, end;
  std::string_view preface;  // GBNF of what may come before (a rule's body), or ""
  bool several = true;       // more than one call an answer
};

enum class CallIds {
  prefixed,      // call_ and 24 letters and digits
  nine_letters,  // what Mistral's templates ask for
};

enum class ReasoningTags {
  usual,  // <think> and its like, at the start
  own,    // the format's states tell
};

struct ToolFormat {
  std::string_view name;
  std::vector<std::string_view> signs;    // all of them stand where calls are written in this format
  std::vector<std::string_view> foreign;  // none of these does
  std::vector<std::string_view> markers;  // special tokens
  std::string_view trigger;               // the text with which calls begin, or ""
  std::vector<ToolState> states;
  ToolWriting writing;
  ParameterTags tags = {};
  CallIds ids = CallIds::prefixed;
  ReasoningTags reasoning = ReasoningTags::usual;
};

// Items, as they are written in a table.
inline ToolItem literal(std::string_view text) { return {ToolItem::Kind::literal, text}; }
inline ToolItem through(std::string_view text) { return {ToolItem::Kind::through, text}; }
inline constexpr ToolItem kSpace{ToolItem::Kind::space}, kName{ToolItem::Kind::name}, kWord{ToolItem::Kind::word};
inline constexpr ToolItem kCall{ToolItem::Kind::call}, kArguments{ToolItem::Kind::arguments};
inline constexpr ToolItem kParameters{ToolItem::Kind::parameters};

struct ReasoningPair {
  std::string_view open, close;
};
const std::vector<ReasoningPair>& reasoning_pairs();

const std::vector<ToolFormat>& tool_formats();
const ToolFormat* find_tool_format(std::string_view name);  // null: there is none

}  // namespace hearth
