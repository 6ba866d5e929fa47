// gpt_oss: harmony's channels: analysis is reasoning, final and commentary are content, commentary to=functions.f a
// call.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, gpt_oss)

namespace hearth {

ToolFormat gpt_oss() {
  ToolFormat format;
  format.name = "gpt_oss";
  format.signs = {"<|channel|>", "<|message|>", "<|call|>"};
  format.markers = {"<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>"};
  format.trigger = "<|channel|>commentary to=";
  format.reasoning = ReasoningTags::own;
  const ToolItem channel = literal("<|channel|>"), message = through("<|message|>"), to = literal("to=functions.");
  const EdgeText dropped = EdgeText::dropped;
  // A message's head, and the ends of what comes before it.
  const std::vector<ToolEdge> head = {
      {{channel, kWord, kSpace, to, kName, message, kArguments}, "head"},
      {{kSpace, to, kName, channel, message, kArguments}, "head"},
      {{channel, literal("analysis"), literal("<|message|>")}, "analysis", dropped},
      {{channel, kWord, literal("<|message|>")}, "text", dropped},
      {{channel, kWord, kSpace, literal("<|constrain|>"), kWord, literal("<|message|>")}, "text", dropped},
  };
  const std::vector<ToolEdge> ends = {
      {{literal("<|end|>")}, "head", dropped},
      {{literal("<|call|>")}, "head", dropped},
      {{literal("<|return|>")}, "head", dropped},
      {{literal("<|start|>assistant")}, "head", dropped},
  };
  std::vector<ToolEdge> within = ends, between = ends;
  for (const ToolEdge& edge : head) {
    if (edge.items[0].text == channel.text) within.push_back(edge);
    between.push_back(edge);
  }
  format.states = {
      {"start", Outside::leave, between},
      {"head", Outside::leave, between},
      {"analysis", Outside::reasoning, within},
      {"text", Outside::content, within},
  };
  format.writing = {.before_name = "<|channel|>commentary to=functions.",
                    .after_name = " <|constrain|>json<|message|>",
                    .preface = "(\"<|channel|>analysis<|message|>\" plain \"<|end|><|start|>assistant\")?",
                    .several = false};
  return format;
}

}  // namespace hearth
