// Chat templates: the subset of Jinja that models' chat templates use, rendered as transformers renders it.
//
// Sandboxed: no file, attribute or call reaches outside the values given; a step limit, a size limit and a depth limit end
// runaway templates with an error. trim_blocks and lstrip_blocks are on, as in transformers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace hearth {

struct TemplateLimits {
  int64_t steps = 5'000'000;          // evaluated nodes and loop rounds
  int64_t output_bytes = 16 << 20;
  int depth = 200;                    // nested calls and expressions
};

// `{% generation %}` marks what a model wrote, for training: transformers' own environment knows the tag, plain Jinja does not.
enum class GenerationTag { unknown, prints_body };

class Template {
 public:
  // Parses; a syntax error names the line and what was expected.
  static Result<Template> parse(std::string_view source, GenerationTag tag = GenerationTag::unknown);

  // Renders with `values` as the global variables: messages, tools, documents, add_generation_prompt, bos_token,
  // eos_token, enable_thinking, ... raise_exception(text) ends as an error `template: text`.
  // `now`: Unix seconds for strftime_now, UTC.
  Result<std::string> render(const OrderedJson& values, int64_t now, const TemplateLimits& limits = {}) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace hearth
