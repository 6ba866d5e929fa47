// add_adapters: every product with a layer's matrix also gets a LoRA adapter's, chosen row by row (docs/STEP.md).
#pragma once

#include "ir/graph.h"

namespace hearth {

// Bounds of the sizes it adds.
inline constexpr int64_t kMaxAdapters = 64, kMaxAdapterRank = 256;

// matmul(x, param model.layers.N.M.weight) -> lora_up(matmul, lora_down(x, state lora.model.layers.N.M.down, adapter),
// state lora.model.layers.N.M.up, adapter). Runs before wrap_params: states are no weights.
Graph add_adapters(const Graph& graph);

}  // namespace hearth
