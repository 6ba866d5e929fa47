// Emulation: the driver is compiled once a run; trials and results travel in files.
#include "emulated_run.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace hearth {
namespace {

constexpr const char* kTools[] = {"qemu-aarch64-static", "aarch64-linux-gnu-gcc"};

class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "hearth-emulatedXXXXXX").string();
    if (!::mkdtemp(path_.data())) path_.clear();
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

bool succeeds(const std::string& command) { return std::system(command.c_str()) == 0; }

template <class T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string trial_file(const Trials& trials, const std::vector<Memory>& before) {
  std::string out;
  for (size_t i = 0; i < trials.trials.size(); ++i) {
    char name[64] = {};
    std::strncpy(name, trials.trials[i].kernel.name.c_str(), sizeof name - 1);
    append(out, name);
    for (const int64_t value :
         {int64_t{0}, trials.trials[i].iterations, static_cast<int64_t>(trials.size_values.size()),
          static_cast<int64_t>(before[i].size())})
      append(out, value);
    for (const int64_t value : trials.size_values) append(out, value);
    for (const auto& bytes : before[i]) {
      append(out, static_cast<int64_t>(bytes.size()));
      out += as_text(bytes);
    }
  }
  return out;
}

Result<std::vector<Memory>> split(Bytes results, const std::vector<Memory>& like) {
  std::vector<Memory> after;
  uint64_t at = 0;
  for (const Memory& memory : like) {
    Memory next;
    for (const auto& bytes : memory) {
      TRY(Bytes part, slice(results, at, bytes.size(), "emulated results"));
      next.emplace_back(part.begin(), part.end());
      at += bytes.size();
    }
    after.push_back(std::move(next));
  }
  return after;
}

}  // namespace

std::string emulation_lacks() {
  for (const char* tool : kTools)
    if (!succeeds(fmt::format("command -v {} >/dev/null 2>&1", tool)))
      return fmt::format("this machine has no {}", tool);
  return "";
}

Result<std::vector<Memory>> run_emulated(const Code& code, const Trials& trials, const std::vector<Memory>& before) {
  const Folder folder;
  TRY_DONE(write_file(folder.file("code.so"), as_text(code.bytes)));
  TRY_DONE(write_file(folder.file("trials"), trial_file(trials, before)));
  const std::string driver = folder.file("driver");
  if (!succeeds(fmt::format("{} -O1 {}/tests/codegen/aarch64_driver.c -o {} -ldl", kTools[1], HEARTH_ROOT, driver)))
    return error("emulation: cannot compile the driver");
  if (!succeeds(fmt::format("{} -L /usr/aarch64-linux-gnu {} {} {} {}", kTools[0], driver, folder.file("code.so"),
                            folder.file("trials"), folder.file("results"))))
    return error("emulation: the driver fails");
  TRY(std::string results, read_file(folder.file("results")));
  return split(as_bytes(results), before);
}

}  // namespace hearth
