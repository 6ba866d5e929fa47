// wrap_params: what a weight is stored as enters the graph: param -> decode(encode(param)).
#pragma once

#include <map>
#include <string>

#include "ir/graph.h"

namespace hearth {

// How one tensor of the checkpoint is stored and what it shall become.
struct ParamPlan {
  std::string stored;            // "bf16", "q4_0", ...
  std::string scheme;            // the same, or the scheme to encode it with
  int64_t stored_row_bytes = 0, row_bytes = 0;       // bytes a row before and after
  int64_t rope_heads = 0;        // > 0: rows are GGUF's rotary pairs of that many heads, to be put in order
};

// Each matrix becomes decode(encode(param)) or decode(param) where it is kept as stored; each vector becomes widen(param), f32.
// CHECKs that every param of the graph has a plan.
Graph wrap_params(const Graph& graph, const std::map<std::string, ParamPlan>& plans);

}  // namespace hearth
