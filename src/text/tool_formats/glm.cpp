// glm: <tool_call>f<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>, values as plain text; GLM 4.5 and
// later.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, glm)

namespace hearth {

ToolFormat glm() {
  ToolFormat format;
  format.name = "glm";
  format.signs = {"<tool_call>", "<arg_key>", "<arg_value>"};
  format.markers = {"<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"};
  format.trigger = "<tool_call>";
  format.tags = {.open = "<arg_key>",
                 .key_end = "</arg_key>",
                 .value_open = "<arg_value>",
                 .close = "</arg_value>",
                 .end = "</tool_call>"};
  format.states = {{"text", Outside::content, {{{literal("<tool_call>"), kSpace, kName, kParameters}, "text"}}}};
  format.writing = {.before_name = "<tool_call>", .after_arguments = "</tool_call>"};
  return format;
}

}  // namespace hearth
