// hermes: <tool_call>{"name": "f", "arguments": {...}}</tool_call>; Hermes, Qwen 2.5, Qwen 3, Granite 4 and many more.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, hermes)

namespace hearth {

ToolFormat hermes() {
  ToolFormat format;
  format.name = "hermes";
  format.signs = {"<tool_call>"};
  format.foreign = {"<function=", "<arg_key>"};
  format.markers = {"<tool_call>", "</tool_call>"};
  format.trigger = "<tool_call>";
  format.states = {
      {"text", Outside::content, {{{literal("<tool_call>"), kCall}, "close"}}},
      {"close", Outside::leave, {{{kSpace, literal("</tool_call>")}, "text"}}},
  };
  format.writing = {.before_name = "<tool_call>\n{\"name\": \"",
                    .after_name = "\", \"arguments\": ",
                    .after_arguments = "}\n</tool_call>",
                    .between = "\n"};
  return format;
}

}  // namespace hearth
