// split_by_time: finds the frontier between weights-only nodes and the rest.
#include "passes/split_by_time.h"

#include "base/check.h"
#include "ops/op.h"

namespace hearth {
namespace {

bool needs_only_weights(const Graph& graph, Value v, std::vector<int>& known) {
  int& answer = known[static_cast<size_t>(v)];
  if (answer >= 0) return answer == 1;
  const Node& node = graph[v];
  bool only = node.op == "param" || node.op == "constant" || op_of(node).kind == OpClass::prepare;
  for (Value arg : node.args) only = only && needs_only_weights(graph, arg, known);
  answer = only ? 1 : 0;
  return only;
}

void collect_names(const Graph& graph, Value v, std::string& name) {
  if (graph[v].op == "param") name += (name.empty() ? "" : "+") + graph[v].text("name");
  for (Value arg : graph[v].args) collect_names(graph, arg, name);
}

int64_t elements_of(const TensorType& type) {
  Dim count = 1;
  for (const Dim& extent : type.shape) count = count * extent;
  CHECK(count.is_constant(), "a weight of {} elements", count.text());
  return count.value();
}

// Values that need only weights and are read by nodes that need more.
std::vector<bool> find_frontier(const Graph& graph, std::vector<int>& known) {
  std::vector<bool> frontier(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (needs_only_weights(graph, static_cast<Value>(i), known)) continue;
    for (Value arg : graph.nodes[i].args)
      if (needs_only_weights(graph, arg, known)) frontier[static_cast<size_t>(arg)] = true;
  }
  return frontier;
}

std::string unused_name(const Graph& graph, Value v, const std::vector<Output>& used) {
  std::string name;
  collect_names(graph, v, name);
  if (name.empty()) name = "constant";
  std::string unique = name;
  const auto taken = [&] {
    for (const Output& output : used)
      if (output.name == unique) return true;
    return false;
  };
  for (int i = 1; taken(); ++i) unique = fmt::format("{}.{}", name, i);
  return unique;
}

}  // namespace

Timed split_by_time(const Graph& graph) {
  Timed timed;
  timed.prepare = graph;
  timed.prepare.outputs.clear();
  std::vector<int> known(graph.nodes.size(), -1);
  const std::vector<bool> frontier = find_frontier(graph, known);
  timed.serve = rewrite_graph(graph, [&](Graph& into, const Node& node, Value old) -> Value {
    if (!needs_only_weights(graph, old, known)) return append(into, node);
    if (!frontier[static_cast<size_t>(old)]) return -1;
    const std::string name = unused_name(graph, old, timed.prepare.outputs);
    timed.prepare.outputs.push_back({name, old});
    const int64_t elements = elements_of(node.type);
    const std::string dtype(name_of(node.type.dtype));
    return append(into, Node{"weight", {}, {{"name", name}, {"dtype", dtype}, {"elements", elements}}, {node.type.dtype, {elements}}});
  });
  return timed;
}

}  // namespace hearth
