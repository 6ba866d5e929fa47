// round_activations: matmul(x, decode(w)), w bf16 -> matmul(round_rows(x), decode(w)), one rounding for all readers of x.
#include "passes/round_activations.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "ops/rounded_rows.h"

namespace hearth {
namespace {

bool takes_pairs(const Node& weight) {
  return weight.op == "decode" && weight.text("storage") == "bf16" && weight.integer("columns") % 2 == 0;
}

}  // namespace

const std::vector<std::string>& activation_types() {
  static const std::vector<std::string> kTypes = {"i16", "f32", "bf16"};
  return kTypes;
}

Graph round_activations(const Graph& graph, const std::string& type) {
  const auto& known = activation_types();
  CHECK(std::find(known.begin(), known.end(), type) != known.end(), "no activation type '{}'", type);
  if (type != "bf16") return graph;
  std::map<Value, Value> rounded;
  return rewrite_graph(graph, [&](Graph& into, const Node& node, Value) {
    if (node.op != "matmul" || !takes_pairs(into[node.args[1]])) return append(into, node);
    const Value x = node.args[0];
    if (!rounded.count(x)) {
      const TensorType& rows = into.type(x);
      const Dim width = rounded_row_elements(rows.shape[1].value());
      rounded[x] = append(into, Node{"round_rows", {x}, {}, {DType::bf16, {rows.shape[0], width}}});
    }
    Node product = node;
    product.args[0] = rounded[x];
    return append(into, product);
  });
}

}  // namespace hearth
