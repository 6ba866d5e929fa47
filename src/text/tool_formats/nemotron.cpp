// nemotron: <TOOLCALL>[{"name": "f", "arguments": {...}}]</TOOLCALL>; NVIDIA Nemotron Nano.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, nemotron)

namespace hearth {

ToolFormat nemotron() {
  ToolFormat format;
  format.name = "nemotron";
  format.signs = {"<TOOLCALL>"};
  format.markers = {"<TOOLCALL>", "</TOOLCALL>"};
  format.trigger = "<TOOLCALL>";
  format.states = {
      {"text", Outside::content, {{{literal("<TOOLCALL>"), kSpace, literal("["), kCall}, "list"}}},
      {"list",
       Outside::leave,
       {{{kSpace, literal(","), kCall}, "list"}, {{kSpace, literal("]"), kSpace, literal("</TOOLCALL>")}, "text"}}},
  };
  format.writing = {.begin = "<TOOLCALL>[",
                    .before_name = "{\"name\": \"",
                    .after_name = "\", \"arguments\": ",
                    .after_arguments = "}",
                    .between = ", ",
                    .end = "]</TOOLCALL>"};
  return format;
}

}  // namespace hearth
