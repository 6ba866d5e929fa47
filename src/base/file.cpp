// Files over POSIX: mmap for reading, temporary + rename for writing.
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/memory.h"

namespace hearth {

struct MappedFile::Mapping {
  std::string path;
  void* address = nullptr;
  size_t size = 0;
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (address) ::munmap(address, size);
  }
};

namespace {

// A read-only mapping that begins on a huge page where it is as long as one, so that the system can use huge pages for it.
void* map_file(int fd, size_t size) {
  if (size < kHugePage) return ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  void* room = ::mmap(nullptr, size + kHugePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return MAP_FAILED;
  const auto start = reinterpret_cast<uintptr_t>(room), at = (start + kHugePage - 1) / kHugePage * kHugePage;
  void* mapped = ::mmap(reinterpret_cast<void*>(at), size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
  if (mapped == MAP_FAILED) {
    ::munmap(room, size + kHugePage);
    return MAP_FAILED;
  }
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t end = (at + size + page - 1) / page * page, room_end = (start + size + kHugePage + page - 1) / page * page;
  if (at > start) ::munmap(room, at - start);
  if (room_end > end) ::munmap(reinterpret_cast<void*>(end), room_end - end);
  return mapped;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error("file: '{}': cannot open: {}", path, std::strerror(errno));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return error("file: '{}': got something that is not a regular file, want a file", path);
  }
  auto mapping = std::make_shared<Mapping>();
  mapping->path = path;
  mapping->size = static_cast<size_t>(info.st_size);
  if (mapping->size > 0) {
    void* address = map_file(fd, mapping->size);
    if (address == MAP_FAILED) {
      ::close(fd);
      return error("file: '{}': cannot map {} bytes: {}", path, mapping->size, std::strerror(errno));
    }
    mapping->address = address;
  }
  ::close(fd);
  MappedFile file;
  file.mapping_ = std::move(mapping);
  return file;
}

Bytes MappedFile::bytes() const {
  if (!mapping_) return {};
  return {static_cast<const std::byte*>(mapping_->address), mapping_->size};
}

const std::string& MappedFile::path() const {
  static const std::string kNone;
  return mapping_ ? mapping_->path : kNone;
}

void drop_pages(Bytes mapped) {
  // Whole pages only: the bytes around belong to others.
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<uintptr_t>(mapped.data()) + page - 1) / page * page;
  const auto last = (reinterpret_cast<uintptr_t>(mapped.data()) + mapped.size()) / page * page;
  // Not MADV_DONTNEED: that would empty memory that is no file mapping.
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_PAGEOUT);
}

void load_pages(Bytes mapped) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<uintptr_t>(mapped.data()) / page * page;
  const auto last = reinterpret_cast<uintptr_t>(mapped.data()) + mapped.size();
  if (first >= last) return;
#ifdef MADV_POPULATE_READ
  if (::madvise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_READ) == 0) return;
#endif
  ::madvise(reinterpret_cast<void*>(first), last - first, MADV_WILLNEED);
}

Result<std::string> read_file(const std::string& path) {
  TRY(MappedFile file, MappedFile::open(path));
  return std::string(as_text(file.bytes()));
}

Result<Done> write_file(const std::string& path, std::string_view contents) {
  std::string temporary = path + ".tmpXXXXXX";
  const int fd = ::mkstemp(temporary.data());
  if (fd < 0) return error("file: '{}': cannot create: {}", path, std::strerror(errno));
  size_t written = 0;
  while (written < contents.size()) {
    const ssize_t n = ::write(fd, contents.data() + written, contents.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    written += static_cast<size_t>(n);
  }
  ::fchmod(fd, 0644);
  const bool closed = ::close(fd) == 0;
  if (written == contents.size() && closed && ::rename(temporary.c_str(), path.c_str()) == 0) return Done{};
  const int why = errno;
  ::unlink(temporary.c_str());
  return error("file: '{}': cannot write {} bytes: {}", path, contents.size(), std::strerror(why));
}

Result<Bytes> slice(Bytes data, uint64_t offset, uint64_t size, std::string_view what) {
  if (offset > data.size() || size > data.size() - offset)
    return error("{}: got bytes {}+{}, want them inside the file's {} bytes", what, offset, size, data.size());
  return data.subspan(offset, size);
}

}  // namespace hearth
