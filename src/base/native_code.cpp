// Loading machine code: the system's loader reads it from a file that lives in memory, or from one that is gone at once.
#include "base/native_code.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

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

// A handle from a file in memory; null and errno where the system has none or forbids running it.
void* load_from_memory(Bytes elf) {
#if defined(__linux__)
  const int fd = ::memfd_create("hearth-code", MFD_CLOEXEC);
  if (fd < 0) return nullptr;
  void* handle = nullptr;
  if (write_all(fd, elf)) handle = ::dlopen(("/proc/self/fd/" + std::to_string(fd)).c_str(), RTLD_NOW | RTLD_LOCAL);
  ::close(fd);
  return handle;
#else
  (void)elf;
  return nullptr;
#endif
}

Result<void*> load_from_disk(Bytes elf) {
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
  return handle;
}

}  // namespace

struct NativeCode::Library {
  void* handle = nullptr;
  explicit Library(void* loaded) : handle(loaded) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { ::dlclose(handle); }
};

Result<NativeCode> NativeCode::load(Bytes elf) {
  constexpr std::string_view kMagic = "\x7f" "ELF";
  if (!as_text(elf).starts_with(kMagic))
    return error("native code: got {} bytes that are no ELF shared object, want one", elf.size());
  void* handle = load_from_memory(elf);
  if (!handle) {
    TRY(handle, load_from_disk(elf));
  }
  NativeCode code;
  code.library_ = std::make_shared<const Library>(handle);
  return code;
}

void* NativeCode::find(const std::string& symbol) const {
  return library_ ? ::dlsym(library_->handle, symbol.c_str()) : nullptr;
}

}  // namespace hearth
