// Memory over Linux's /proc and mremap; elsewhere only the machine's size is known and nothing moves.
#include "base/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>

namespace hearth {
namespace {

constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();

// The number that a text begins with, after spaces.
uint64_t number_in(std::string_view text, int base, uint64_t otherwise) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  uint64_t value = 0;
  return std::from_chars(text.data(), text.data() + text.size(), value, base).ec == std::errc{} ? value : otherwise;
}

uint64_t number_of_file(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  return std::getline(file, line) ? number_in(line, 10, kUnknown) : kUnknown;   // "max": no limit
}

uint64_t left_on_machine() {
  constexpr std::string_view kKey = "MemAvailable:";
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(kKey)) return number_in(std::string_view(line).substr(kKey.size()), 10, 0) * 1024;
  return kUnknown;
}

// Of the control group this process is in (version 2), as seen from inside and from outside a container.
uint64_t left_in_group() {
  constexpr std::string_view kMark = "0::";
  std::string path;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(kMark)) path = line.substr(kMark.size());
  uint64_t left = kUnknown;
  for (const std::string& folder : {std::string("/sys/fs/cgroup"), "/sys/fs/cgroup" + path}) {
    const uint64_t most = number_of_file(folder + "/memory.max"), now = number_of_file(folder + "/memory.current");
    if (most != kUnknown && now != kUnknown) left = std::min(left, most - std::min(most, now));
  }
  return left;
}

#if defined(__linux__) && defined(MADV_HUGEPAGE)
constexpr uint64_t kPiece = 16 * kHugePage;

uintptr_t round_up(uintptr_t address) { return (address + kHugePage - 1) / kHugePage * kHugePage; }

// A copy on huge pages takes the place of `bytes` at `target`, both whole huge pages.
bool replace(std::byte* target, uint64_t bytes) {
  const uint64_t room = bytes + kHugePage;
  void* found = ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED) return false;
  const auto start = reinterpret_cast<uintptr_t>(found), copy = round_up(start);
  auto* at = reinterpret_cast<std::byte*>(copy);
  if (copy > start) ::munmap(found, copy - start);
  if (const uint64_t rest = start + room - (copy + bytes); rest > 0) ::munmap(at + bytes, rest);
  const bool copied = ::madvise(at, bytes, MADV_HUGEPAGE) == 0;
  if (copied) std::memcpy(at, target, bytes);
  // One call takes the old pages away and puts the new ones there: readers fault, wait for it, and find the same bytes.
  if (copied && ::mprotect(at, bytes, PROT_READ) == 0 &&
      ::mremap(at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, target) != MAP_FAILED)
    return true;
  ::munmap(at, bytes);
  return false;
}
#endif

}  // namespace

uint64_t machine_memory() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t available_memory() {
  const uint64_t left = std::min(left_on_machine(), left_in_group());
  return left == kUnknown ? 0 : left;
}

uint64_t bytes_on_huge_pages(Bytes mapped) {
  const auto first = reinterpret_cast<uint64_t>(mapped.data()), last = first + mapped.size();
  uint64_t sum = 0, overlap = 0;
  std::ifstream file("/proc/self/smaps");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':'), dash = line.find('-');
    if (dash != std::string::npos && dash < colon) {               // "7f00-7f80 r--p ...": a mapping begins
      const uint64_t from = number_in(line, 16, 0), to = number_in(line.substr(dash + 1), 16, 0);
      overlap = from < last && to > first ? std::min(to, last) - std::max(from, first) : 0;
    } else if (overlap > 0 && (line.starts_with("FilePmdMapped:") || line.starts_with("AnonHugePages:"))) {
      sum += std::min(overlap, number_in(std::string_view(line).substr(colon + 1), 10, 0) * 1024);
    }
  }
  return sum;
}

uint64_t move_to_huge_pages(Bytes mapped, const std::function<bool()>& go_on) {
  uint64_t moved = 0;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const auto begin = reinterpret_cast<uintptr_t>(mapped.data()), first = round_up(begin);
  const uintptr_t last = (begin + mapped.size()) / kHugePage * kHugePage;
  for (uintptr_t at = first; at < last && go_on(); at += kPiece) {
    const uint64_t bytes = std::min<uint64_t>(kPiece, last - at);
    if (!replace(reinterpret_cast<std::byte*>(at), bytes)) break;
    moved += bytes;
  }
#endif
  return moved;
}

}  // namespace hearth
