// ArtifactWriter: lays out the file, reserves its disk space, and lends each tensor's bytes through a shared mapping.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "artifact/artifact.h"
#include "artifact/layout.h"
#include "base/check.h"

namespace hearth {
namespace {

struct Place {
  uint64_t offset = 0, bytes = 0;  // from the start of the data
};

struct Layout {
  std::string header;  // JSON, padded so that data begins at a multiple of 64
  std::map<std::string, Place> places;
  uint64_t data_bytes = 0;
};

Json entry(uint64_t begin, uint64_t end) {
  return {{"dtype", "U8"}, {"shape", {end - begin}}, {"data_offsets", {begin, end}}};
}

Result<Layout> lay_out(const Interface& interface, const std::vector<TensorSlot>& tensors) {
  Layout layout;
  Json header = {{"__metadata__", {{"format", "hearth"}, {kMetadataKey, dump(to_json(interface))}}}};
  uint64_t at = 0, pads = 0;
  for (const TensorSlot& slot : tensors) {
    if (slot.name.empty() || slot.name.starts_with("__") || header.contains(slot.name))
      return error("artifact: tensor '{}': want a new name that does not begin with '__'", slot.name);
    if (slot.bytes > kMostTensorBytes)
      return error("artifact: tensor '{}': got {} bytes, want at most {}", slot.name, slot.bytes, kMostTensorBytes);
    // safetensors allows no holes, so the gap is a tensor of its own.
    if (const uint64_t next = align_up(at); next != at) {
      header[fmt::format("{}{}", kPadPrefix, pads++)] = entry(at, next);
      at = next;
    }
    layout.places[slot.name] = {at, slot.bytes};
    header[slot.name] = entry(at, at + slot.bytes);
    at += slot.bytes;
  }
  layout.data_bytes = at;
  layout.header = dump(header);
  layout.header.resize(align_up(layout.header.size() + kLengthBytes) - kLengthBytes, ' ');
  if (layout.header.size() > kMostHeaderBytes)
    return error("artifact: got a header of {} bytes, want at most {}", layout.header.size(), kMostHeaderBytes);
  return layout;
}

// Takes the blocks now: a full disk is an error here instead of a SIGBUS while weights are written.
int reserve(int fd, uint64_t bytes) {
  const int failure = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  if (failure != EOPNOTSUPP && failure != EINVAL) return failure;
  return ::ftruncate(fd, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
}

}  // namespace

struct ArtifactWriter::Impl {
  std::string path, temporary;
  int fd = -1;
  std::byte* address = nullptr;
  uint64_t bytes = 0, data_at = 0;
  std::map<std::string, Place> places;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { close(); }

  void close() {
    if (address) ::munmap(address, bytes);
    if (fd >= 0) ::close(fd);
    if (!temporary.empty()) ::unlink(temporary.c_str());
    address = nullptr;
    fd = -1;
    temporary.clear();
  }
  const Place& place(const std::string& name) const {
    const auto it = places.find(name);
    CHECK(it != places.end(), "artifact: tensor '{}' was not declared", name);
    return it->second;
  }
};

Result<ArtifactWriter> ArtifactWriter::create(const std::string& path, const Interface& interface,
                                              const std::vector<TensorSlot>& tensors) {
  TRY(Layout layout, lay_out(interface, tensors));
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  std::string temporary = path + ".tmpXXXXXX";
  impl->fd = ::mkstemp(temporary.data());
  if (impl->fd < 0) return error("artifact: '{}': cannot create: {}", path, std::strerror(errno));
  impl->temporary = temporary;
  ::fcntl(impl->fd, F_SETFD, FD_CLOEXEC);
  ::fchmod(impl->fd, 0644);
  impl->data_at = kLengthBytes + layout.header.size();
  impl->bytes = impl->data_at + layout.data_bytes;
  if (impl->bytes > INT64_MAX) return error("artifact: '{}': got {} bytes, want fewer than 2^63", path, impl->bytes);
  if (const int failure = reserve(impl->fd, impl->bytes); failure != 0)
    return error("artifact: '{}': cannot reserve {} bytes: {} (free some space, or write elsewhere)", path, impl->bytes,
                 std::strerror(failure));
  void* address = ::mmap(nullptr, impl->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, impl->fd, 0);
  if (address == MAP_FAILED)
    return error("artifact: '{}': cannot map {} bytes: {}", path, impl->bytes, std::strerror(errno));
  impl->address = static_cast<std::byte*>(address);
  impl->places = std::move(layout.places);
  write_u64(impl->address, layout.header.size());
  std::memcpy(impl->address + kLengthBytes, layout.header.data(), layout.header.size());
  ArtifactWriter writer;
  writer.impl_ = std::move(impl);
  return writer;
}

std::span<std::byte> ArtifactWriter::tensor(const std::string& name) {
  CHECK(impl_ && impl_->address, "artifact: tensor '{}' asked of a finished writer", name);
  const Place& place = impl_->place(name);
  return {impl_->address + impl_->data_at + place.offset, place.bytes};
}

void ArtifactWriter::done_with(const std::string& name) {
  CHECK(impl_ && impl_->address, "artifact: tensor '{}' ended on a finished writer", name);
  const Place& place = impl_->place(name);
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t first = (impl_->data_at + place.offset + page - 1) / page * page;
  const uint64_t last = (impl_->data_at + place.offset + place.bytes) / page * page;
  if (last <= first) return;  // shares its only pages with a neighbour
#ifdef __linux__
  ::sync_file_range(impl_->fd, static_cast<off_t>(first), static_cast<off_t>(last - first), SYNC_FILE_RANGE_WRITE);
#endif
  ::madvise(impl_->address + first, last - first, MADV_DONTNEED);  // shared: the page cache keeps the bytes
}

Result<Done> ArtifactWriter::finish() {
  CHECK(impl_ && impl_->address, "artifact: finished twice");
  const bool unmapped = ::munmap(impl_->address, impl_->bytes) == 0;
  impl_->address = nullptr;
  const bool closed = ::close(impl_->fd) == 0;
  impl_->fd = -1;
  if (!unmapped || !closed || ::rename(impl_->temporary.c_str(), impl_->path.c_str()) != 0)
    return error("artifact: '{}': cannot finish writing: {}", impl_->path, std::strerror(errno));
  impl_->temporary.clear();
  return Done{};
}

}  // namespace hearth
