// mistral: [TOOL_CALLS][{"name": "f", "arguments": {...}}]; mistral_args, the newer one: [TOOL_CALLS]f[ARGS]{...}.
//
// Models of one generation now and then write the other's form, so both read both.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, mistral)
HEARTH_SET_MEMBER(tool_format, mistral_args)

namespace hearth {
namespace {

ToolFormat of_mistral() {
  ToolFormat format;
  format.markers = {"[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"};
  format.trigger = "[TOOL_CALLS]";
  format.ids = CallIds::nine_letters;
  const ToolItem open = literal("[TOOL_CALLS]"), id = literal("[CALL_ID]"), arguments = literal("[ARGS]");
  format.states = {
      {"text",
       Outside::content,
       {{{open, kSpace, literal("["), kCall}, "list"},
        {{open, kSpace, kName, arguments, kArguments}, "text"},
        {{open, kSpace, kName, id, kWord, arguments, kArguments}, "text"},
        {{open, kCall}, "text"}}},
      {"list", Outside::leave, {{{kSpace, literal(","), kCall}, "list"}, {{kSpace, literal("]")}, "text"}}},
  };
  return format;
}

}  // namespace

ToolFormat mistral() {
  ToolFormat format = of_mistral();
  format.name = "mistral";
  format.signs = {"[TOOL_CALLS]"};
  format.foreign = {"[ARGS]"};
  format.writing = {.begin = "[TOOL_CALLS][",
                    .before_name = "{\"name\": \"",
                    .after_name = "\", \"arguments\": ",
                    .after_arguments = "}",
                    .between = ", ",
                    .end = "]"};
  return format;
}

ToolFormat mistral_args() {
  ToolFormat format = of_mistral();
  format.name = "mistral_args";
  format.signs = {"[TOOL_CALLS]", "[ARGS]"};
  format.writing = {.before_name = "[TOOL_CALLS]", .after_name = "[ARGS]"};
  return format;
}

}  // namespace hearth
