// Fuzzes messages: any text, cut anywhere, gives the same message as whole, and nothing of it is lost.
// LINK: hearth_text
//
// The first byte says which format and options, the second seeds the cuts; the rest is the text.
#include <cstdlib>
#include <string>
#include <vector>

#include "text/message.h"

namespace hearth {
namespace {

struct Call {
  std::string name, id, arguments;
  bool operator==(const Call&) const = default;
};
struct Message {
  std::string content, reasoning;
  std::vector<Call> calls;
  bool is_cut = false;
  bool operator==(const Message&) const = default;
};

void must(bool holds) {
  if (!holds) std::abort();
}

void take(Message& message, const MessageDelta& delta) {
  message.content += delta.content;
  message.reasoning += delta.reasoning;
  for (const ToolCallDelta& piece : delta.tool_calls) {
    const bool is_new = piece.index == static_cast<int>(message.calls.size());
    must(is_new == !piece.name.empty() && is_new == !piece.id.empty());
    if (is_new) message.calls.push_back({piece.name, piece.id, {}});
    must(piece.index == static_cast<int>(message.calls.size()) - 1);
    message.calls.back().arguments += piece.arguments;
  }
}

const MessageOptions& options_of(uint8_t byte) {
  static const std::vector<MessageOptions> kOptions = [] {
    const Json schema = {{"properties", {{"a", {{"type", "string"}}}, {"b", {{"type", "integer"}}}}}};
    std::vector<MessageOptions> made;
    for (const std::string& name : tool_format_names())
      for (int bits = 0; bits < 8; ++bits) {
        MessageOptions options;
        options.tool_format = name;
        options.tools = {{"f", schema}, {"get_x", schema}};
        options.reasoning = bits & 1 ? ReasoningSplit::off : ReasoningSplit::automatic;
        options.streaming = bits & 2 ? ToolStreaming::whole_calls : ToolStreaming::as_written;
        if (bits & 4) options.calls = ToolCalls::one;
        if (bits == 4) options.reasoning_start = ReasoningStart::by_prompt;
        made.push_back(std::move(options));
      }
    return made;
  }();
  return kOptions[byte % kOptions.size()];
}

// cuts: 0 whole, or the state of a generator of piece lengths.
Message parsed(const MessageOptions& options, std::string_view text, uint32_t cuts) {
  auto parser = MessageParser::make(options);
  must(parser.ok());
  Message message;
  while (!text.empty()) {
    size_t size = text.size();
    if (cuts != 0) {
      cuts = cuts * 1664525 + 1013904223;
      size = std::min<size_t>(text.size(), 1 + (cuts >> 24) % ((cuts >> 16 & 1) != 0 ? 2 : 17));
    }
    take(message, parser->add(text.substr(0, size)));
    text.remove_prefix(size);
  }
  take(message, parser->finish());
  message.is_cut = parser->has_cut_call();
  must(parser->has_tool_calls() == !message.calls.empty());
  return message;
}

bool is_part_of(std::string_view part, std::string_view whole) {
  size_t at = 0;
  for (const char byte : part) {
    at = whole.find(byte, at);
    if (at == std::string_view::npos) return false;
    ++at;
  }
  return true;
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size < 2) return 0;
  const MessageOptions& options = options_of(data[0]);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Message whole = parsed(options, text, 0);
  must(parsed(options, text, data[1] + 1u) == whole);
  must(is_part_of(whole.content, text) && is_part_of(whole.reasoning, text));
  // Harmony's text is all markers; elsewhere what holds neither a call nor reasoning is content to the last byte.
  const bool has_markers = options.tool_format == "gpt_oss" || options.reasoning == ReasoningSplit::automatic;
  if (whole.calls.empty() && !has_markers) must(whole.content == text);
  must(options.calls == ToolCalls::parallel || whole.calls.size() <= 1);
  for (size_t index = 0; index < whole.calls.size(); ++index) {
    const bool may_be_cut = whole.is_cut;  // any of them: a cut call may be followed by others
    const auto json = parse_json(whole.calls[index].arguments, "arguments");
    const bool is_utf8 = Json::accept(dump(Json(std::string(text)))) &&
                         dump(Json(std::string(text))).find("\xEF\xBF\xBD") == std::string::npos;
    must(may_be_cut || !is_utf8 || (json.ok() && json->is_object()));
  }
  return 0;
}
