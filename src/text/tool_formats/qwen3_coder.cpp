// qwen3_coder: <tool_call><function=f><parameter=key>value</parameter></function></tool_call>, values as plain text.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, qwen3_coder)

namespace hearth {

ToolFormat qwen3_coder() {
  ToolFormat format;
  format.name = "qwen3_coder";
  format.signs = {"<function=", "<parameter="};
  format.markers = {"<tool_call>", "</tool_call>"};
  format.trigger = "<tool_call>";
  format.tags = {
      .open = "<parameter=", .key_end = ">", .close = "</parameter>", .end = "</function>", .value_on_lines = true};
  const ToolItem function = literal("<function="), close = literal(">");
  format.states = {
      {"text",
       Outside::content,
       {{{literal("<tool_call>"), kSpace, function, kName, close, kParameters}, "close"},
        {{function, kName, close, kParameters}, "close"}}},  // the model forgets <tool_call> at times
      {"close", Outside::leave, {{{kSpace, literal("</tool_call>")}, "text"}}},
  };
  format.writing = {.before_name = "<tool_call>\n<function=",
                    .after_name = ">\n",
                    .after_arguments = "</function>\n</tool_call>",
                    .between = "\n"};
  return format;
}

}  // namespace hearth
