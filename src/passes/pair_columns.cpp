// pair_columns: decode(pack(w)), w bf16 in panels -> two neighbours of a row lie together, as dot2 wants them.
//
// A product in f32 gains too: one read gives two vectors of a panel, the one by a shift, the other by a mask.
#include "passes/pass.h"

namespace hearth {
namespace {

bool can_pair(const Node& pack, const TensorType& rows) {
  constexpr int64_t kPairBytes = 4;
  return pack.op == "pack" && pack.text("storage") == "bf16" && pack.integer("panel", 1) > 1 &&
         rows.shape[1].value() % kPairBytes == 0;
}

}  // namespace

Graph pair_columns(const Graph& graph, const Target&) {
  return rewrite_graph(graph, [](Graph& into, const Node& node, Value) {
    Node changed = node;
    const bool paired = node.op == "decode" && into[node.args[0]].integer("together", 1) == 2;
    if (paired || can_pair(node, node.type)) changed.attrs["together"] = int64_t{2};
    return append(into, changed);
  });
}

}  // namespace hearth
