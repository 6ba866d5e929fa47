// split_by_time: what needs only weights runs once while baking; what needs a token runs every step.
#pragma once

#include "ir/graph.h"

namespace hearth {

struct Timed {
  Graph prepare;                 // outputs are named like the weights of `serve`
  Graph serve;                   // reads `weight` nodes, has no params
};

// The frontier between both becomes weights, named by the params they come from, joined by '+'.
Timed split_by_time(const Graph& graph);

}  // namespace hearth
