// Sources: tokenizers and templates are read straight from the files that hold them; weights stay untouched.
#include "api/sources.h"

#include <filesystem>

#include "artifact/artifact.h"
#include "base/file.h"
#include "text/tokenizer.h"
#include "weights/checkpoint.h"
#include "weights/gguf.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& path) {
  std::error_code failed;
  return fs::is_regular_file(path, failed);
}

// The vocabulary and the template alone: a file without tensors will do.
Result<Checkpoint> read_gguf_texts(const std::string& path) {
  const std::string who = fmt::format("weights: '{}'", path);
  TRY(const MappedFile file, MappedFile::open(path));
  TRY(const GgufFile gguf, parse_gguf(file.bytes(), who, GgufParts::metadata));
  Checkpoint checkpoint;
  TRY(const std::vector<int64_t> end_ids, translate_gguf_vocab(gguf, who, checkpoint));
  (void)end_ids;
  return checkpoint;
}

// A typed member of the vocabulary's JSON, which weights/ has made: absent stays empty.
template <class T>
void take(const Json& vocab, const char* key, T& into) {
  if (!has(vocab, key)) return;
  nlohmann::from_json(vocab.at(key), into);
}
template <class T>
void take(const Json& vocab, const char* key, std::optional<T>& into) {
  if (has(vocab, key)) into = vocab.at(key).get<T>();
}

Result<std::string> tokenizer_json_of_gguf(const std::string& path) {
  TRY(const Checkpoint checkpoint, read_gguf_texts(path));
  if (!checkpoint.vocab.is_object()) return error("tokenizer: '{}': the file has no vocabulary (tokenizer.ggml.*)", path);
  return tokenizer_json_of_vocab(checkpoint.vocab);
}

Result<std::string> text_of_artifact(const std::string& path, const std::string& tensor) {
  TRY(const Artifact artifact, Artifact::open(path));
  if (!artifact.has_tensor(tensor)) return error("artifact: '{}': holds no {}", path, tensor);
  TRY(const Bytes bytes, artifact.tensor(tensor));
  return std::string(as_text(bytes));
}

// "<s>" or {"content": "<s>", ...}; the names that templates know.
OrderedJson special_values(const Json& config) {
  OrderedJson values = OrderedJson::object();
  for (const char* key : {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"}) {
    if (!config.is_object() || !has(config, key)) continue;
    const Json& value = config.at(key);
    if (value.is_string()) values[key] = value.get<std::string>();
    if (value.is_object() && has(value, "content") && value["content"].is_string()) {
      values[key] = value["content"].get<std::string>();
    }
  }
  return values;
}

// "chat_template" of a tokenizer_config.json: text, or a list of named ones of which "default" is meant.
std::string template_in(const Json& config) {
  if (!config.is_object() || !has(config, "chat_template")) return "";
  const Json& value = config.at("chat_template");
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return "";
  for (const Json& item : value) {
    if (item.is_object() && item.value("name", Json()) == "default" && item.contains("template") && item["template"].is_string()) {
      return item["template"].get<std::string>();
    }
  }
  return "";
}

Result<TemplateSource> template_of_folder(const std::string& path) {
  TemplateSource source;
  const std::string config_path = path + "/tokenizer_config.json", file_path = path + "/chat_template.jinja";
  if (is_file(config_path)) {
    TRY(const std::string text, read_file(config_path));
    TRY(const Json config, parse_json(text, fmt::format("template: '{}'", config_path)));
    source.values = special_values(config);
    source.text = template_in(config);
  }
  if (is_file(file_path)) {
    TRY(source.text, read_file(file_path));
  }
  if (source.text.empty()) {
    return error("template: '{}': found neither chat_template.jinja nor \"chat_template\" in tokenizer_config.json", path);
  }
  return source;
}

Result<TemplateSource> template_of_artifact(const std::string& path) {
  TRY(const Artifact artifact, Artifact::open(path));
  TemplateSource source;
  if (!artifact.has_tensor("chat_template")) return error("template: '{}': the model has no chat template", path);
  TRY(const Bytes bytes, artifact.tensor("chat_template"));
  source.text = std::string(as_text(bytes));
  const Json& details = artifact.interface().model.details;
  if (details.is_object() && has(details, "template_values")) source.values = special_values(details["template_values"]);
  return source;
}

}  // namespace

Result<SourceKind> kind_of(const std::string& path) {
  std::error_code failed;
  if (fs::is_directory(path, failed)) return SourceKind::folder;
  if (!fs::exists(path, failed)) return error("'{}': no such file or folder", path);
  TRY(const MappedFile file, MappedFile::open(path));
  const std::string_view text = as_text(file.bytes());
  if (text.starts_with("GGUF")) return SourceKind::gguf;
  // u64 length of the header, then its JSON
  if (text.size() > 9 && text[8] == '{' && text.substr(4, 4) == std::string_view("\0\0\0\0", 4)) return SourceKind::artifact;
  return path.ends_with(".hearth") ? SourceKind::artifact : path.ends_with(".gguf") ? SourceKind::gguf : SourceKind::text;
}

Result<std::string> tokenizer_json_of_vocab(const Json& json) {
  GgufVocab vocab;
  try {                                          // the library throws on a wrong type
    take(json, "model", vocab.model);
    take(json, "pre", vocab.pre);
    take(json, "tokens", vocab.tokens);
    take(json, "scores", vocab.scores);
    take(json, "types", vocab.types);
    take(json, "merges", vocab.merges);
    take(json, "bos", vocab.bos);
    take(json, "eos", vocab.eos);
    take(json, "unk", vocab.unk);
    take(json, "add_bos", vocab.add_bos);
    take(json, "add_eos", vocab.add_eos);
    take(json, "add_space_prefix", vocab.add_space_prefix);
  } catch (const Json::exception& failure) {
    return error("tokenizer: vocabulary of the GGUF file: {}", failure.what());
  }
  return gguf_vocab_to_tokenizer_json(vocab);
}

Result<std::string> tokenizer_json_of(const std::string& path) {
  TRY(const SourceKind kind, kind_of(path));
  switch (kind) {
    case SourceKind::gguf: return tokenizer_json_of_gguf(path);
    case SourceKind::artifact: return text_of_artifact(path, "tokenizer.json");
    case SourceKind::text: return read_file(path);
    case SourceKind::folder: break;
  }
  const std::string file = path + "/tokenizer.json";
  if (!is_file(file)) return error("tokenizer: '{}': found no tokenizer.json in it", path);
  return read_file(file);
}

Result<TemplateSource> template_of(const std::string& path) {
  TRY(const SourceKind kind, kind_of(path));
  TemplateSource source;
  switch (kind) {
    case SourceKind::folder: return template_of_folder(path);
    case SourceKind::artifact: return template_of_artifact(path);
    case SourceKind::text: {
      TRY(source.text, read_file(path));
      return source;
    }
    case SourceKind::gguf: break;
  }
  TRY(const Checkpoint checkpoint, read_gguf_texts(path));
  if (checkpoint.chat_template.empty()) return error("template: '{}': the file has no tokenizer.chat_template", path);
  source.text = checkpoint.chat_template;
  source.values = special_values(checkpoint.tokenizer_config);
  return source;
}

}  // namespace hearth
