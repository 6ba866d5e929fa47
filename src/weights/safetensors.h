// Safetensors: u64 length, JSON header, then the tensors' bytes without a gap.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "weights/checkpoint.h"

namespace hearth {

// One tensor as the header tells it; nothing checked against the file yet.
struct SafetensorsEntry {
  std::string name, dtype;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // in the data part
};

// Parses the header's JSON as a stream: memory is bounded by the entries, whatever the text nests or repeats.
Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::string_view header, std::string_view who);

// read_safetensors (checkpoint.h), which also reports every name in the file, those it leaves out too.
Result<std::set<std::string>> read_safetensors_names(Bytes file, std::string_view who,
                                                     std::map<std::string, Tensor>& tensors);

}  // namespace hearth
