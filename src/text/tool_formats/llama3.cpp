// llama3: {"name": "f", "parameters": {...}} as the whole answer, or after <|python_tag|>; several with ; between them.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, llama3)

namespace hearth {

ToolFormat llama3() {
  ToolFormat format;
  format.name = "llama3";
  format.signs = {"\"parameters\": ", "<|start_header_id|>"};
  format.foreign = {"<tool_call>", "<function="};
  format.markers = {"<|python_tag|>"};
  const std::vector<ToolEdge> first = {{{literal("<|python_tag|>"), kCall}, "more"}};
  format.states = {
      {"start", Outside::leave, {{{kSpace, literal("<|python_tag|>"), kCall}, "more"}, {{kCall}, "more"}}},
      {"text", Outside::content, first},
      {"more", Outside::leave, {{{kSpace, literal(";"), kCall}, "more"}, {{kCall}, "more"}}},
  };
  format.writing = {
      .before_name = "{\"name\": \"", .after_name = "\", \"parameters\": ", .after_arguments = "}", .between = "; "};
  return format;
}

}  // namespace hearth
