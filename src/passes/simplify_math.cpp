// simplify_math: x*1 -> x,  x+0 -> x,  reshape(reshape(x)) -> x.
#include "passes/pass.h"

namespace hearth {
namespace {

bool is_constant(const Graph& graph, Value value, double number) {
  const Node& node = graph[value];
  if (node.op != "constant") return false;
  for (double each : node.reals("values"))
    if (each != number) return false;
  return true;
}

// The operand that can stand for the whole node, or -1.
Value simpler(const Graph& graph, const Node& node) {
  if (node.op == "mul" || node.op == "add") {
    const double neutral = node.op == "mul" ? 1 : 0;
    for (int i : {0, 1})
      if (is_constant(graph, node.args[static_cast<size_t>(i)], neutral) &&
          graph.type(node.args[static_cast<size_t>(1 - i)]) == node.type)
        return node.args[static_cast<size_t>(1 - i)];
  }
  if (node.op == "reshape") {
    const Node& inner = graph[node.args[0]];
    if (inner.op == "reshape" && graph.type(inner.args[0]) == node.type) return inner.args[0];
  }
  return -1;
}

}  // namespace

Graph simplify_math(const Graph& graph, const Target&) {
  return rewrite_graph(graph, [](Graph& into, const Node& node, Value) {
    const Value instead = simpler(into, node);
    return instead >= 0 ? instead : append(into, node);
  });
}

}  // namespace hearth
