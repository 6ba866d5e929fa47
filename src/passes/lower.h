// lower: a graph becomes loops; one kernel for each value that lies in memory, fused ones inside.
#pragma once

#include "ir/graph.h"
#include "ir/loop.h"
#include "targets/target.h"

namespace hearth {

// `serve` of split_by_time, after all graph passes. Inputs, outputs, states and weights become buffers of their names;
// values in memory become scratch buffers.
Program lower(const Graph& serve, const Target& target);

}  // namespace hearth
