// The steps of open_checkpoint: a folder, a GGUF file, the identity.
#pragma once

#include <string>

#include "weights/checkpoint.h"

namespace hearth {

enum class Want { everything, tokenizer };  // tokenizer: no tensors; weights may be absent

// hf_folder.cpp: config, tokenizer, template and safetensors of a Hugging Face folder.
Result<Checkpoint> open_folder(const std::string& path, Want want);
// gguf_file.cpp: one file, or all parts when `path` is the first of a split.
Result<Checkpoint> open_gguf(const std::string& path, Want want);

// identity.cpp: 128 bits in hex over names, types, shapes, configs, tokenizer, template and contents. Contents: all
// bytes up to kHashedWhole in sum; beyond, the first, middle and last kSampleBytes of each tensor, so that a 10 GB
// model takes milliseconds. Times and paths are no part of it. A change that misses every sample of a large model is
// not seen: refused was hashing all of it at each start (seconds), and trusting file times (a copied model would
// compile again, an edited one might not).
std::string identify(const Checkpoint& checkpoint);

}  // namespace hearth
