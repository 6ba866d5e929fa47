// Loading machine code: from a file that lives in memory, or from one on disk that is gone at once.
#include "base/native_code.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace hearth {
namespace {

bool write_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

// A loaded library and the memory file it came from. The file stays open as long as the code: its path holds the
// descriptor's number, and the system's loader takes a second library of the same path for the first one.
struct Loaded {
  void* handle = nullptr;
  int fd = -1;
};

// No handle where the system has no files in memory or forbids running them.
Loaded load_from_memory(Bytes elf) {
  Loaded loaded;
#if defined(__linux__)
  loaded.fd = ::memfd_create("hearth-code", MFD_CLOEXEC);
  if (loaded.fd < 0) return loaded;
  if (write_all(loaded.fd, elf))
    loaded.handle = ::dlopen(("/proc/self/fd/" + std::to_string(loaded.fd)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!loaded.handle) ::close(std::exchange(loaded.fd, -1));
#else
  (void)elf;
#endif
  return loaded;
}

Result<Loaded> load_from_disk(Bytes elf) {
  std::string path = "/tmp/hearth-codeXXXXXX";
  const int fd = ::mkstemp(path.data());
  if (fd < 0) return error("native code: cannot create '{}': {}", path, std::strerror(errno));
  const bool written = write_all(fd, elf);
  const int why = errno;
  ::close(fd);
  void* handle = written ? ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  const char* said = written && !handle ? ::dlerror() : nullptr;
  ::unlink(path.c_str());
  if (!written) return error("native code: cannot write {} bytes to '{}': {}", elf.size(), path, std::strerror(why));
  if (!handle) return error("native code: the system refuses to load it: {}", said ? said : "no reason given");
  return Loaded{handle, -1};
}

}  // namespace

struct NativeCode::Library {
  Loaded loaded;
  explicit Library(Loaded from) : loaded(from) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    ::dlclose(loaded.handle);
    if (loaded.fd >= 0) ::close(loaded.fd);
  }
};

Result<NativeCode> NativeCode::load(Bytes elf) {
  constexpr std::string_view kMagic =
      "\x7f"
      "ELF";
  if (!as_text(elf).starts_with(kMagic))
    return error("native code: got {} bytes that are no ELF shared object, want one", elf.size());
  Loaded loaded = load_from_memory(elf);
  if (!loaded.handle) {
    TRY(loaded, load_from_disk(elf));
  }
  NativeCode code;
  code.library_ = std::make_shared<const Library>(loaded);
  return code;
}

void* NativeCode::find(const std::string& symbol) const {
  return library_ ? ::dlsym(library_->loaded.handle, symbol.c_str()) : nullptr;
}

}  // namespace hearth
