// Adapter: the matrices of a LoRA adapter in float32, as the engine takes them; weights/peft.h reads them from files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/executable.h"

namespace hearth {

// y += scale * up * (down * x), added to the product with the matrix `name`.
struct AdapterMatrix {
  std::string name;                      // "model.layers.0.self_attn.q_proj"
  int64_t rank = 0, inputs = 0, outputs = 0;
  float scale = 1;                       // alpha / rank (alpha / sqrt(rank) where the adapter says so)
  std::vector<float> down;               // [rank, inputs]
  std::vector<float> up;                 // [outputs, rank]
};

struct Adapter {
  std::string name;
  std::vector<AdapterMatrix> matrices;
};

// Writes the matrices into slot `slot` of the artifact's states, `rank` rows each: narrower ones are padded with zeros, matrices
// that the adapter lacks are zero. Nothing is written if one does not fit; errors name it.
Result<Done> write_adapter(Executable& executable, const Adapter& adapter, int64_t slot, int64_t rank);

}  // namespace hearth
