// Sources: where MODEL is, what kind of file it is, and its tokenizer and template without its weights.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hearth {

enum class SourceKind { folder, gguf, artifact, text };

// What lies at `path`: a folder, a GGUF file (by its magic), an artifact (a safetensors header), or anything else.
Result<SourceKind> kind_of(const std::string& path);

// The text of a tokenizer.json for PATH: a folder with one, the file itself, a .gguf or an artifact.
Result<std::string> tokenizer_json_of(const std::string& path);
// The same from a checkpoint's `vocab` (weights/checkpoint.h).
Result<std::string> tokenizer_json_of_vocab(const Json& vocab);

struct TemplateSource {
  std::string text;
  OrderedJson values = OrderedJson::object();      // bos_token, eos_token, ... as far as known
};
// PATH: a .jinja file, a folder, a .gguf or an artifact.
Result<TemplateSource> template_of(const std::string& path);

}  // namespace hearth
