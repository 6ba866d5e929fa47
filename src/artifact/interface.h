// Interface: all that a baked file says of itself besides bytes: sizes, buffers, kernels, launches, and the model's card.
//
// It is stored as JSON in the artifact's `__metadata__` under "hearth". Strings are formulas (formula.h) over `sizes`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/json.h"
#include "base/result.h"

namespace hearth {

inline constexpr int kArtifactVersion = 1;

struct SizeRecord {
  std::string name;              // "tokens"
  int64_t at_least = 0, at_most = 0;
};

enum class BufferRole { input, output, state, weight, scratch };

struct BufferRecord {
  std::string name;              // for a weight: the tensor's name in the file
  DType dtype = DType::f32;
  std::string elements;          // formula
  BufferRole role = BufferRole::scratch;
  int64_t offset = -1;           // input, output, scratch: bytes into the arena (64-aligned)
};

struct KernelRecord {
  std::string symbol;
  std::string extent;            // formula: iterations of its parallel loop
  // Formulas for profiles, "": not known. Bytes it must move; operations as byte dot products and as float arithmetic.
  std::string bytes, dots, floats;
};

struct VariantRecord {
  int kernel = 0;                // index into kernels
  std::string size;              // formula; the variant runs when at_least <= size <= at_most
  int64_t at_least = 0, at_most = 0;
};

struct LaunchRecord {
  std::vector<VariantRecord> variants;   // the first that fits runs
  std::vector<int> buffers;              // indices into buffers
};

// What the engine must know of the model.
struct ModelCard {
  std::string name, family;      // "ember", "llama"
  int64_t vocabulary = 0;        // rows of logits
  int64_t context = 0;           // most positions the model was made for
  std::vector<int64_t> end_ids;  // any of them ends an answer
  int64_t bos_id = -1;           // -1: none
  int page_tokens = 16;          // positions a KV page
  int64_t sliding_window = 0;    // 0: none
  Json details;                  // parameters, scheme per tensor class, defaults for sampling, source: for `show`
};

struct Interface {
  int version = kArtifactVersion;
  std::string target;            // "x86-64-v4-vnni"
  std::string arch, features;    // what the code needs of the machine: "x86_64", "+avx2,+fma"; "": not said, not checked
  std::vector<SizeRecord> sizes;
  std::vector<BufferRecord> buffers;
  std::vector<KernelRecord> kernels;
  std::vector<LaunchRecord> launches;
  int64_t arena_bytes = 0;
  ModelCard model;
};

Json to_json(const Interface& interface);
// Checks everything: versions, index ranges, formulas parse, offsets inside the arena at the sizes' upper bounds, names unique.
Result<Interface> interface_from_json(const Json& json);

}  // namespace hearth
