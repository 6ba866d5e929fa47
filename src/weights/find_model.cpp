// Where a model lies: a path, or a name in the local hub caches.
#include <algorithm>
#include <filesystem>

#include "weights/checks.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::vector<fs::path> folders_in(const fs::path& path) {
  std::vector<fs::path> found;
  std::error_code code;
  for (fs::directory_iterator at(path, code), end; !code && at != end; at.increment(code))
    if (is_folder(at->path())) found.push_back(at->path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string hub_folder(std::string name) {
  std::string folder = "models--";
  for (char c : name) folder += c == '/' ? std::string("--") : std::string(1, c);
  return folder;
}

// The snapshot that refs/main names, else the newest, else nothing.
fs::path pick_snapshot(const fs::path& repository) {
  if (auto revision = read_file((repository / "refs" / "main").string()); revision.ok()) {
    std::string name = *revision;
    while (!name.empty() && (name.back() == '\n' || name.back() == ' ')) name.pop_back();
    const bool plain = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
    if (plain && is_folder(repository / "snapshots" / name)) return repository / "snapshots" / name;
  }
  fs::path newest;
  fs::file_time_type when{};
  for (const fs::path& snapshot : folders_in(repository / "snapshots")) {
    std::error_code code;
    const fs::file_time_type time = fs::last_write_time(snapshot, code);
    if (newest.empty() || (!code && time > when)) newest = snapshot, when = time;
  }
  return newest;
}

// Repositories of `root` that `model` may mean: org/name exactly, or name alone under any org.
std::vector<fs::path> repositories(const fs::path& root, const std::string& model) {
  if (model.find('/') != std::string::npos) {
    const fs::path exact = root / hub_folder(model);
    return is_folder(exact) ? std::vector<fs::path>{exact} : std::vector<fs::path>{};
  }
  std::vector<fs::path> found;
  for (const fs::path& folder : folders_in(root)) {
    const std::string name = folder.filename().string();
    if (name.starts_with("models--") && (name.ends_with("--" + model))) found.push_back(folder);
  }
  return found;
}

}  // namespace

Result<std::string> find_model(const std::string& model, const std::vector<std::string>& roots) {
  if (model.empty())
    return error("weights: got an empty model name, want a folder, a .gguf file or a name like org/name");
  std::error_code code;
  if (fs::exists(model, code)) return model;
  std::string tried = shown(model);
  for (const std::string& root : roots) {
    const std::vector<fs::path> found = repositories(root, model);
    if (found.size() > 1) {
      std::string names;
      for (const fs::path& path : found) names += (names.empty() ? "" : ", ") + path.filename().string();
      return error("weights: {}: got several models of that name in {} ({}), want org/name", shown(model), root, names);
    }
    if (found.size() == 1)
      if (const fs::path snapshot = pick_snapshot(found[0]); !snapshot.empty()) return snapshot.string();
    for (const std::string& name : {model, model + ".gguf"})  // a plain folder of models
      if (fs::exists(fs::path(root) / name, code)) return (fs::path(root) / name).string();
    tried += fmt::format(
        ", {}", (fs::path(root) / hub_folder(model.find('/') == std::string::npos ? "*/" + model : model)).string());
  }
  return error("weights: {}: found no such model; looked for {}", shown(model), tried);
}

}  // namespace hearth
