// Seen: stamps as text, one note a text, compared as a whole; the hash only names the file.
#include "api/seen.h"

#include <hearth_compiler_hash.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "targets/target.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSettledSeconds = 2;   // younger files may change again within one tick of the file system's clock

// One file's stamp; false: it has none.
bool add_stamp(const std::string& path, std::string& stamps) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return false;
  if (info.st_ctim.tv_sec + kSettledSeconds > ::time(nullptr)) return false;
  stamps += fmt::format("{} {} {}.{} {}.{} {}:{}\n", path, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                        info.st_ctim.tv_sec, info.st_ctim.tv_nsec, info.st_dev, info.st_ino);
  return true;
}

std::string note_path(const std::string& cache, const std::string& stamps) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : stamps) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return fmt::format("{}/{:016x}.seen", cache, hash);
}

}  // namespace

std::string stamps_of(const Order& order) {
  std::error_code failed;
  const std::string root = fs::canonical(order.model, failed).string();
  if (failed) return "";
  const auto target = find_target(order.target);
  if (!target) return "";
  std::string stamps = fmt::format("{}\nquant {}\nkv {}\nactivations {}\nadapters {}\n{}\n", HEARTH_COMPILER_HASH, order.quant,
                                   order.kv, order.activations, order.adapters, target->name);
  if (!fs::is_directory(root, failed)) return add_stamp(root, stamps) ? stamps : "";
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, failed))
    if (entry.is_regular_file(failed)) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  for (const std::string& file : files)
    if (!add_stamp(file, stamps)) return "";
  return failed || files.empty() ? "" : stamps;
}

std::string find_seen(const std::string& cache, const std::string& stamps) {
  const auto note = stamps.empty() ? Result<std::string>(error("seen: no stamps")) : read_file(note_path(cache, stamps));
  if (!note || !note->starts_with(stamps)) return "";
  const std::string key = note->substr(stamps.size());
  return key.find('/') == std::string::npos ? key : "";
}

void note_seen(const std::string& cache, const std::string& stamps, const std::string& key) {
  if (!stamps.empty()) (void)write_file(note_path(cache, stamps), stamps + key);
}

}  // namespace hearth
