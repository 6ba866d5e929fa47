// store_kv: what keys and values are kept as between steps enters the graph: f16 as the models say, or int8 with scales.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace hearth {

const std::vector<std::string>& kv_types();      // "f16", "q8_0"

// state f16, kv_write -> state u8, kv_write_q8_0 where `type` is q8_0; CHECKs that the type is known.
Graph store_kv(const Graph& graph, const std::string& type);

}  // namespace hearth
