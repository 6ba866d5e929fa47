// pack_panels: decode(w) -> decode(pack(w)): weight rows side by side, as many as the target has f32 lanes.
//
// Only weights that a product reads are packed; a table that is only looked up keeps its rows whole. Where the target
// multiplies tiles of bytes, 8 codes of a row lie together: half a register.
#include "passes/pass.h"

namespace hearth {

Graph pack_panels(const Graph& graph, const Target& target) {
  std::vector<bool> multiplied(graph.nodes.size(), false), by_bytes = multiplied;
  for (const Node& node : graph.nodes) {
    const bool bytes = node.op == "matmul_int";
    if (node.op != "matmul" && node.op != "matmul_i16" && !bytes) continue;
    multiplied[static_cast<size_t>(node.args[1])] = true;
    if (bytes) by_bytes[static_cast<size_t>(node.args[1])] = true;
  }
  const int64_t panel = target.lanes_f32();
  return rewrite_graph(graph, [&](Graph& into, const Node& node, Value old) {
    if (node.op != "decode" || !multiplied[static_cast<size_t>(old)] || node.integer("panel", 1) != 1) return append(into, node);
    TensorType type = into.type(node.args[0]);
    type.shape[0] = ceil_div(type.shape[0], panel) * panel;
    const Value packed =
        append(into, Node{"pack", {node.args[0]}, {{"storage", node.text("storage")}, {"panel", panel}}, type});
    Node decode = node;
    decode.args = {packed};
    decode.attrs["panel"] = panel;
    if (target.byte_tiles && by_bytes[static_cast<size_t>(old)])
      for (Node* one : {&into.nodes[static_cast<size_t>(packed)], &decode}) one->attrs["word"] = int64_t{8};
    return append(into, decode);
  });
}

}  // namespace hearth
