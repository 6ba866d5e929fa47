// deepseek_v3: <｜tool▁calls▁begin｜> ... function<｜tool▁sep｜>f and a ```json block (V3, R1); deepseek_v31:
// f<｜tool▁sep｜>{...}.
//
// Both read both.
#include "base/set.h"
#include "text/tool_format.h"

HEARTH_SET_MEMBER(tool_format, deepseek_v3)
HEARTH_SET_MEMBER(tool_format, deepseek_v31)

namespace hearth {
namespace {

ToolFormat of_deepseek() {
  ToolFormat format;
  format.markers = {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>",
                    "<｜tool▁calls▁end｜>"};
  format.trigger = "<｜tool▁calls▁begin｜>";
  const ToolItem begin = literal("<｜tool▁call▁begin｜>"), separator = literal("<｜tool▁sep｜>");
  const ToolItem end = literal("<｜tool▁call▁end｜>"), fence = literal("```");
  format.states = {
      {"text", Outside::content, {{{literal("<｜tool▁calls▁begin｜>")}, "calls"}}},
      {"calls",
       Outside::leave,
       {{{kSpace, begin, literal("function"), separator, kName, kSpace, fence, literal("json"), kArguments}, "close"},
        {{kSpace, begin, kName, separator, kArguments}, "close"},
        {{kSpace, literal("<｜tool▁calls▁end｜>")}, "text"}}},
      {"close", Outside::leave, {{{kSpace, fence, kSpace, end}, "calls"}, {{kSpace, end}, "calls"}}},
  };
  return format;
}

}  // namespace

ToolFormat deepseek_v3() {
  ToolFormat format = of_deepseek();
  format.name = "deepseek_v3";
  format.signs = {"<｜tool▁calls▁begin｜>", "```json"};
  format.writing = {.begin = "<｜tool▁calls▁begin｜>",
                    .before_name = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
                    .after_name = "\n```json\n",
                    .after_arguments = "\n```<｜tool▁call▁end｜>",
                    .between = "\n",
                    .end = "<｜tool▁calls▁end｜>"};
  return format;
}

ToolFormat deepseek_v31() {
  ToolFormat format = of_deepseek();
  format.name = "deepseek_v31";
  format.signs = {"<｜tool▁calls▁begin｜>"};
  format.foreign = {"```json"};
  format.writing = {.begin = "<｜tool▁calls▁begin｜>",
                    .before_name = "<｜tool▁call▁begin｜>",
                    .after_name = "<｜tool▁sep｜>",
                    .after_arguments = "<｜tool▁call▁end｜>",
                    .end = "<｜tool▁calls▁end｜>"};
  return format;
}

}  // namespace hearth
