// i16_dot: matmul(x, decode(w)), w bf16 -> matmul_i16(quantize_rows_i16(x), decode(w)), x quantized once for all its
// readers.
//
// Only where the target multiplies 16-bit integers two at a time: in f32 the product has half the rate. Weights stay
// bf16.
#include <map>

#include "ops/rows_i16.h"
#include "passes/pass.h"

namespace hearth {
namespace {

bool fits(const Graph& graph, const Node& node) {
  if (node.op != "matmul" || graph.type(node.args[0]).dtype != DType::f32) return false;
  const Node& weight = graph[node.args[1]];
  return weight.op == "decode" && weight.text("storage") == "bf16" && weight.integer("columns") % kGroupI16 == 0;
}

}  // namespace

Graph i16_dot(const Graph& graph, const Target& target) {
  if (!target.i16_dot) return graph;
  std::map<Value, Value> quantized;
  return rewrite_graph(graph, [&](Graph& into, const Node& node, Value) {
    if (!fits(into, node)) return append(into, node);
    const Value x = node.args[0];
    if (!quantized.count(x)) {
      const TensorType rows = into.type(x);
      const Dim width = RowI16{rows.shape[1].value()}.bytes();
      quantized[x] = append(into, Node{"quantize_rows_i16", {x}, {}, {DType::u8, {rows.shape[0], width}}});
    }
    return append(into, Node{"matmul_i16", {quantized[x], node.args[1]}, {}, node.type});
  });
}

}  // namespace hearth
