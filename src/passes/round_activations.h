// round_activations: rows are rounded to bf16 where they meet bf16 weights, if that is asked for.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace hearth {

const std::vector<std::string>& activation_types();      // "i16" (f32 on targets without), "f32", "bf16"

// matmul(x, decode(w)), w bf16 -> matmul(round_rows(x), decode(w)) where `type` is bf16; CHECKs that the type is known.
Graph round_activations(const Graph& graph, const std::string& type);

}  // namespace hearth
