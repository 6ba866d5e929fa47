// Fuzzes the GGUF reader: any bytes end in a translated checkpoint or one line.
// LINK: hearth_weights
#include <cstdlib>

#include "weights/gguf.h"
#include "weights/open.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const Bytes bytes{reinterpret_cast<const std::byte*>(data), size};
  Checkpoint made;
  const auto read = read_gguf(bytes, "weights: 'f'", made);
  if (!read.ok() && read.message().find('\n') != std::string::npos) std::abort();
  if (read.ok()) identify(made);  // touches every byte of every tensor
  if (const auto file = parse_gguf(bytes, "weights: 'f'", GgufParts::metadata); file.ok()) {
    Checkpoint texts;  // the vocabulary of any architecture
    if (const auto ends = translate_gguf_vocab(*file, "weights: 'f'", texts); ends.ok()) identify(texts);
  }
  return 0;
}
