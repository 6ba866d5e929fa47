// Fuzzes the chat template reader: any bytes parse or fail with one line, and what parses renders within its limits.
// LINK: hearth_text
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "text/template.h"

namespace {

const hearth::OrderedJson& values() {
  static const hearth::OrderedJson values = hearth::OrderedJson::parse(R"({
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Héllo 日本 😀"},
                 {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "xs": [3, 1, 2], "d": {"b": 2, "a": 1.5}, "s": " a b ", "n": 42,
    "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"})");
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed = hearth::Template::parse({reinterpret_cast<const char*>(data), size});
  const auto check = [](const std::string& text) {
    if (!text.starts_with("template: ") || text.find('\n') != text.npos) std::abort();
  };
  if (!parsed.ok()) return check(parsed.message()), 0;
  const auto text = parsed->render(values(), 1773500966, {.steps = 20'000, .output_bytes = 1 << 16, .depth = 100});
  if (!text.ok()) check(text.message());
  return 0;
}
