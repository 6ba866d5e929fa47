// Host memory over mmap: pages arrive zeroed when first touched, large blocks ask for huge pages.
#include "runtime/devices/host_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "base/memory.h"

namespace hearth {

Result<Memory> allocate_host(uint64_t bytes, const std::string& who) {
  if (bytes == 0) return Memory{};
  void* address = MAP_FAILED;
  if (bytes <= PTRDIFF_MAX)
    address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  else
    errno = ENOMEM;
  if (address == MAP_FAILED) return error("{}: cannot allocate {} bytes: {}", who, bytes, std::strerror(errno));
#ifdef MADV_HUGEPAGE
  if (bytes >= kHugePage) ::madvise(address, bytes, MADV_HUGEPAGE);  // a wish; small pages work too
#endif
  return Memory{address, bytes};
}

void free_host(Memory memory) {
  if (memory.address) ::munmap(memory.address, memory.bytes);
}

Result<Done> copy_in(Memory to, uint64_t offset, Bytes from, const std::string& who) {
  if (offset > to.bytes || from.size() > to.bytes - offset)
    return error("{}: got {} bytes at {}, want them inside a memory of {}", who, from.size(), offset, to.bytes);
  if (!from.empty()) std::memcpy(static_cast<std::byte*>(to.address) + offset, from.data(), from.size());
  return Done{};
}

Result<Done> copy_inside(Memory memory, uint64_t from, uint64_t to, uint64_t bytes, const std::string& who) {
  const uint64_t last = from > to ? from : to;
  if (last > memory.bytes || bytes > memory.bytes - last)
    return error("{}: got {} bytes from {} to {}, want them inside a memory of {}", who, bytes, from, to, memory.bytes);
  auto* base = static_cast<std::byte*>(memory.address);
  if (bytes > 0) std::memmove(base + to, base + from, bytes);
  return Done{};
}

Result<Done> copy_out(Memory from, uint64_t offset, std::span<std::byte> to, const std::string& who) {
  if (offset > from.bytes || to.size() > from.bytes - offset)
    return error("{}: got {} bytes at {}, want them inside a memory of {}", who, to.size(), offset, from.bytes);
  if (!to.empty()) std::memcpy(to.data(), static_cast<const std::byte*>(from.address) + offset, to.size());
  return Done{};
}

}  // namespace hearth
