// Fuzzes the safetensors reader: any bytes end in checked tensors or one line.
// LINK: hearth_weights
#include <cstdlib>

#include "weights/open.h"
#include "weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const Bytes bytes{reinterpret_cast<const std::byte*>(data), size};
  Checkpoint made;
  const auto read = read_safetensors(bytes, "weights: 'f'", made.tensors);
  if (!read.ok() && read.message().find('\n') != std::string::npos) std::abort();
  if (read.ok()) identify(made);  // touches every byte of every tensor
  const auto header = parse_safetensors_header(as_text(bytes), "weights: 'f'");
  if (!header.ok() && header.message().find('\n') != std::string::npos) std::abort();
  return 0;
}
