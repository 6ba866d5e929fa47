// Opens a Hugging Face folder: configs, tokenizer and template as they lie there, weights by safetensors.
#include <algorithm>
#include <filesystem>
#include <set>

#include "weights/checks.h"
#include "weights/open.h"
#include "weights/safetensors.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kOldWeights[] = {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5",
                                       "flax_model.msgpack"};

bool present(const std::string& folder, const char* name) {
  std::error_code code;
  return fs::exists(fs::path(folder) / name, code);
}

std::string join(const std::string& folder, const std::string& name) { return (fs::path(folder) / name).string(); }

Result<std::string> read_optional(const std::string& folder, const char* name) {
  if (!present(folder, name)) return std::string();
  return read_file(join(folder, name));
}

// A JSON object of the folder, {} if the file is not there.
Result<Json> read_object(const std::string& folder, const char* name) {
  TRY(const std::string text, read_optional(folder, name));
  if (text.empty() && !present(folder, name)) return Json(Json::object());
  const std::string who = "weights: " + shown(join(folder, name));
  TRY(Json json, parse_json(text, who));
  if (!json.is_object()) return error("{}: got {}, want an object", who, json.type_name());
  return json;
}

// chat_template: a string, or [{"name": "default", "template": "..."}, ...]
Result<std::string> pick_template(const Json& tokenizer_config, const std::string& who) {
  if (!has(tokenizer_config, "chat_template")) return std::string();
  const Json& found = tokenizer_config["chat_template"];
  if (found.is_string()) return found.get<std::string>();
  if (!found.is_array()) return error("{}: 'chat_template': got {}, want a string or a list", who, found.type_name());
  std::string names;
  for (const Json& entry : found) {
    TRY(const std::string name, get_string(entry, "name", who + ": 'chat_template'"));
    TRY(const std::string text, get_string(entry, "template", who + ": 'chat_template'"));
    if (name == "default") return text;
    names += (names.empty() ? "" : ", ") + shown(name);
  }
  return error("{}: 'chat_template': got templates {}, want one named 'default'", who, names.empty() ? "[]" : names);
}

// {"content": "<s>", "lstrip": false, ...} -> "<s>"
void flatten_special_tokens(Json& tokenizer_config) {
  for (const char* name : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
    if (!has(tokenizer_config, name)) continue;
    Json& token = tokenizer_config[name];
    if (token.is_object() && token.contains("content") && token["content"].is_string()) {
      Json content = token["content"];
      token = std::move(content);
    }
  }
}

Result<Done> read_texts(const std::string& folder, Checkpoint& into) {
  TRY(into.tokenizer_json, read_optional(folder, "tokenizer.json"));
  TRY(into.tokenizer_config, read_object(folder, "tokenizer_config.json"));
  TRY(into.generation_config, read_object(folder, "generation_config.json"));
  flatten_special_tokens(into.tokenizer_config);
  if (present(folder, "chat_template.jinja")) {
    TRY(into.chat_template, read_file(join(folder, "chat_template.jinja")));
    return Done{};
  }
  TRY(into.chat_template,
      pick_template(into.tokenizer_config, "weights: " + shown(join(folder, "tokenizer_config.json"))));
  return Done{};
}

Result<std::set<std::string>> read_shard(const std::string& path, Checkpoint& into) {
  TRY(MappedFile mapped, MappedFile::open(path));
  TRY(auto names, read_safetensors_names(mapped.bytes(), "weights: " + shown(path), into.tensors));
  into.files.push_back(std::move(mapped));
  return names;
}

// {"weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors", ...}}
Result<Done> read_shards(const std::string& folder, Checkpoint& into) {
  const std::string who = "weights: " + shown(join(folder, kIndex));
  TRY(const Json index, read_object(folder, kIndex));
  if (!has(index, "weight_map") || !index["weight_map"].is_object())
    return error("{}: 'weight_map' is missing, want an object of tensor names and files", who);
  std::map<std::string, std::set<std::string>> shards;  // file -> names in it
  for (const auto& [name, file] : index["weight_map"].items()) {
    const std::string text = file.is_string() ? file.get<std::string>() : "";
    const bool plain =
        !text.empty() && text != "." && text != ".." && text.find_first_of("/\\\0", 0, 3) == std::string::npos;
    if (!plain)
      return error("{}: {}: got {}, want the name of a file in the same folder", who, shown(name), shown(dump(file)));
    shards[text];
  }
  for (auto& [file, names] : shards) {
    TRY(names, read_shard(join(folder, file), into));
  }
  for (const auto& [name, file] : index["weight_map"].items()) {
    const std::string text = file.get<std::string>();
    if (shards[text].count(name) == 0)
      return error("{}: {}: is not in {}, want it there", who, shown(name), shown(text));
  }
  return Done{};
}

std::vector<std::string> gguf_files(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    const std::string name = at->path().filename().string();
    const bool later_part = name.find("-of-") != std::string::npos && name.find("-00001-of-") == std::string::npos;
    if (name.ends_with(".gguf") && !later_part) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// GPTQ, AWQ, bitsandbytes and their like pack weights in layouts of their own; their tensors would only confuse a
// model.
Result<Done> refuse_packed(const std::string& folder, const Json& config) {
  if (!has(config, "quantization_config")) return Done{};
  const Json& packed = config["quantization_config"];
  const bool named = packed.is_object() && packed.contains("quant_method") && packed["quant_method"].is_string();
  return error(
      "weights: {}: got weights quantized by {} (config.json: 'quantization_config'), want 16- or 32-bit safetensors "
      "or a GGUF",
      shown(folder), named ? shown(packed["quant_method"].get_ref<const std::string&>()) : "an unnamed method");
}

// What to say of a folder without safetensors.
Error nothing_to_open(const std::string& folder, const std::vector<std::string>& ggufs) {
  if (ggufs.size() > 1) {
    std::string names;
    for (const std::string& name : ggufs) names += (names.empty() ? "" : ", ") + name;
    return error("weights: {}: got {} GGUF files, want one: give its path ({})", shown(folder), ggufs.size(), names);
  }
  for (const char* name : kOldWeights)
    if (present(folder, name))
      return error("weights: {}: got {}, which is not read here, want {} or {}: convert it to safetensors",
                   shown(folder), name, kWeights, kIndex);
  const char* missing = present(folder, "config.json") ? "no weights" : "no config.json and no weights";
  return error("weights: {}: got {}, looked for config.json with {} or {}, or one .gguf file", shown(folder), missing,
               kWeights, kIndex);
}

}  // namespace

Result<Checkpoint> open_folder(const std::string& path, Want want) {
  const bool whole = present(path, kWeights), sharded = present(path, kIndex);
  if (!whole && !sharded && (want == Want::everything || !present(path, "tokenizer.json"))) {
    const std::vector<std::string> ggufs = gguf_files(path);
    if (ggufs.size() == 1) return open_gguf(join(path, ggufs[0]), want);
    if (want == Want::everything) return nothing_to_open(path, ggufs);
  }
  Checkpoint checkpoint;
  std::error_code code;
  fs::path folder = fs::absolute(path, code).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  checkpoint.name = folder.filename().string();
  checkpoint.source_format = "safetensors";
  if (want == Want::everything && !present(path, "config.json"))
    return error("weights: {}: got no config.json, want one beside {}", shown(path), whole ? kWeights : kIndex);
  TRY(checkpoint.config, read_object(path, "config.json"));
  TRY_DONE(read_texts(path, checkpoint));
  if (want == Want::tokenizer) {
    if (checkpoint.tokenizer_json.empty()) return error("weights: {}: got no tokenizer.json, want one", shown(path));
    return checkpoint;
  }
  TRY_DONE(refuse_packed(path, checkpoint.config));
  if (whole)
    TRY_DONE(read_shard(join(path, kWeights), checkpoint));
  else
    TRY_DONE(read_shards(path, checkpoint));
  if (checkpoint.tensors.empty()) return error("weights: {}: got no tensors, want a model's weights", shown(path));
  return checkpoint;
}

}  // namespace hearth
