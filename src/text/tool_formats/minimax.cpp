// minimax: <invoke name="f"><parameter name="key">value</parameter></invoke> within <minimax:tool_call>; MiniMax M2.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, minimax)

namespace hearth {

ToolFormat minimax() {
  ToolFormat format;
  format.name = "minimax";
  format.signs = {"<minimax:tool_call>"};
  format.markers = {"<minimax:tool_call>", "</minimax:tool_call>"};
  format.trigger = "<minimax:tool_call>";
  format.tags = {.open = "<parameter name=\"", .key_end = "\">", .close = "</parameter>", .end = "</invoke>"};
  const ToolItem invoke = literal("<invoke name=\""), close = literal("\">");
  format.states = {
      {"text", Outside::content, {{{literal("<minimax:tool_call>")}, "calls"}}},
      {"calls",
       Outside::leave,
       {{{kSpace, invoke, kName, close, kParameters}, "calls"}, {{kSpace, literal("</minimax:tool_call>")}, "text"}}},
  };
  format.writing = {.begin = "<minimax:tool_call>\n",
                    .before_name = "<invoke name=\"",
                    .after_name = "\">\n",
                    .after_arguments = "</invoke>",
                    .between = "\n",
                    .end = "\n</minimax:tool_call>"};
  return format;
}

}  // namespace hearth
