// generic: {"tool_calls": [{"name": "f", "arguments": {...}}]}, one such object or a list of them, as the whole answer.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, generic)

namespace hearth {

ToolFormat generic() {
  ToolFormat format;
  format.name = "generic";
  const ToolItem open = literal("{"), list = literal("[");
  format.states = {
      {"start",
       Outside::leave,
       {{{kSpace, open, kSpace, literal("\"tool_calls\""), kSpace, literal(":"), kSpace, list, kCall}, "list"},
        {{kSpace, list, kCall}, "bare_list"},
        {{kSpace, literal("```json"), kCall}, "fence"},
        {{kCall}, "text"}}},
      {"text", Outside::content, {}},
      {"list",
       Outside::leave,
       {{{kSpace, literal(","), kCall}, "list"}, {{kSpace, literal("]"), kSpace, literal("}")}, "text"}}},
      {"bare_list", Outside::leave, {{{kSpace, literal(","), kCall}, "bare_list"}, {{kSpace, literal("]")}, "text"}}},
      {"fence", Outside::leave, {{{kSpace, literal("```")}, "text"}}},
  };
  format.writing = {.begin = "{\"tool_calls\": [",
                    .before_name = "{\"name\": \"",
                    .after_name = "\", \"arguments\": ",
                    .after_arguments = "}",
                    .between = ", ",
                    .end = "]}"};
  return format;
}

}  // namespace hearth
