// Files: a read-only mapping, whole-file reads and atomic writes; every failure names the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

using Bytes = std::span<const std::byte>;

// A file mapped read-only. Copies share the mapping; it lives until the last one goes.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);

  Bytes bytes() const;
  const std::string& path() const;

 private:
  struct Mapping;
  std::shared_ptr<const Mapping> mapping_;
};

// Tells the system that these mapped bytes will not be read again soon, so that a stream over a large file stays small in
// memory. They stay readable.
void drop_pages(Bytes mapped);

// Reads these mapped bytes into memory and maps them at once, so that who uses them meets no page faults; returns when done or
// when the system will not. For a thread beside others.
void load_pages(Bytes mapped);

Result<std::string> read_file(const std::string& path);
// Writes to a temporary beside `path`, then renames: a reader sees the old file or the new one, never half.
Result<Done> write_file(const std::string& path, std::string_view contents);

// data[offset, offset+size) or an error naming `what`; safe for any 64-bit offset and size.
Result<Bytes> slice(Bytes data, uint64_t offset, uint64_t size, std::string_view what);

inline std::string_view as_text(Bytes data) { return {reinterpret_cast<const char*>(data.data()), data.size()}; }
inline Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

}  // namespace hearth
