// Opens a model by its path: a folder or a GGUF file.
#include "weights/open.h"

#include <filesystem>

#include "weights/checks.h"
#include "weights/gguf.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

bool looks_like_gguf(const std::string& path) {
  if (path.ends_with(".gguf")) return true;
  auto file = MappedFile::open(path);
  return file.ok() && as_text(file->bytes()).starts_with("GGUF");
}

Result<Checkpoint> open_any(const std::string& path, Want want) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status))
    return error("weights: {}: no such file or folder, want a Hugging Face folder or a .gguf file", shown(path));
  if (fs::is_directory(status)) return open_folder(path, want);
  if (!fs::is_regular_file(status))
    return error("weights: {}: got neither a file nor a folder, want a Hugging Face folder or a .gguf file",
                 shown(path));
  if (looks_like_gguf(path)) return open_gguf(path, want);
  const std::string name = fs::path(path).filename().string();
  if (want == Want::tokenizer && name.ends_with(".json")) {
    Checkpoint checkpoint;
    auto text = read_file(path);
    if (!text.ok()) return text.failure();
    checkpoint.tokenizer_json = std::move(*text);
    checkpoint.name = name;
    checkpoint.config = checkpoint.tokenizer_config = checkpoint.generation_config = Json::object();
    return checkpoint;
  }
  if (name.ends_with(".safetensors"))
    return error("weights: {}: got a single safetensors file, want the folder that also holds its config.json",
                 shown(path));
  return error("weights: {}: got a file that is no GGUF, want a Hugging Face folder or a .gguf file", shown(path));
}

}  // namespace

Result<Checkpoint> open_checkpoint(const std::string& path) {
  auto checkpoint = open_any(path, Want::everything);
  if (!checkpoint.ok()) {
    const std::string& why = checkpoint.message();
    return why.starts_with("weights: ") ? checkpoint.failure() : checkpoint.within("weights");
  }
  checkpoint->identity = identify(*checkpoint);
  return checkpoint;
}

Result<Checkpoint> open_tokenizer(const std::string& path) {
  auto checkpoint = open_any(path, Want::tokenizer);
  if (!checkpoint.ok() && !checkpoint.message().starts_with("weights: ")) return checkpoint.within("weights");
  return checkpoint;
}

}  // namespace hearth
