// What both file readers check alike: sizes without overflow, names fit for one line, storages by name, no overlap.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "weights/checkpoint.h"

namespace hearth {

// A name out of a file, quoted and fit for one line of an error: odd bytes escaped, long names cut.
std::string shown(std::string_view name);

// A tensor's name may be any text a person could read: 1 to 512 bytes of UTF-8 without control characters.
Result<Done> check_name(std::string_view name, std::string_view what, std::string_view who);

// Bytes of a tensor: rows * (last axis / block) * block_bytes, every product checked.
// Refuses zero and negative axes and a last axis that is no whole number of blocks.
Result<uint64_t> tensor_bytes(const Storage& storage, const std::vector<int64_t>& shape, std::string_view who);

// Where a tensor lies in the data part of its file.
struct Extent {
  uint64_t begin = 0, end = 0;
  std::string name;
};

// Sorts by begin; two extents that share a byte are an error that names both.
Result<Done> check_no_overlap(std::vector<Extent>& extents, std::string_view who);

}  // namespace hearth
