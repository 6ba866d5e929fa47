// wrap_params: param -> decode(encode(param)) for matrices, widen(param) for vectors.
#include "passes/wrap_params.h"

#include "base/check.h"

namespace hearth {
namespace {

Value wrap_matrix(Graph& into, Node node, const ParamPlan& plan) {
  const int64_t rows = static_cast<int64_t>(node.reals("shape")[0]), columns = static_cast<int64_t>(node.reals("shape")[1]);
  node.attrs["stored"] = plan.stored;
  node.attrs["row_bytes"] = plan.stored_row_bytes;
  node.type = {DType::u8, {rows, plan.stored_row_bytes}};
  Value bytes = append(into, node);
  if (plan.rope_heads > 0)
    bytes = append(into, Node{"unpair_rows", {bytes}, {{"heads", plan.rope_heads}}, into.type(bytes)});
  if (plan.scheme != plan.stored)
    bytes = append(into, Node{"encode",
                              {bytes},
                              {{"scheme", plan.scheme}, {"from", plan.stored}, {"row_bytes", plan.row_bytes}, {"columns", columns}},
                              {DType::u8, {rows, plan.row_bytes}}});
  return append(into, Node{"decode",
                           {bytes},
                           {{"storage", plan.scheme}, {"rows", rows}, {"columns", columns}},
                           {DType::f32, {rows, columns}}});
}

Value wrap_vector(Graph& into, Node node, const ParamPlan& plan) {
  const int64_t elements = static_cast<int64_t>(node.reals("shape")[0]);
  node.attrs["stored"] = plan.stored;
  node.attrs["row_bytes"] = plan.stored_row_bytes;
  if (plan.rope_heads > 0) {             // one element a row, so that rows can be put in order
    node.attrs["shape"] = std::vector<double>{static_cast<double>(elements), 1};
    node.attrs["row_bytes"] = plan.stored_row_bytes / elements;
    node.type = {DType::u8, {elements, plan.stored_row_bytes / elements}};
  } else {
    node.type = {DType::u8, {plan.stored_row_bytes}};
  }
  Value bytes = append(into, node);
  if (plan.rope_heads > 0)
    bytes = append(into, Node{"unpair_rows", {bytes}, {{"heads", plan.rope_heads}}, into.type(bytes)});
  return append(into, Node{"widen", {bytes}, {{"from", plan.stored}, {"elements", elements}}, {DType::f32, {elements}}});
}

}  // namespace

Graph wrap_params(const Graph& graph, const std::map<std::string, ParamPlan>& plans) {
  return clean(rewrite_graph(graph, [&](Graph& into, const Node& node, Value) {
    if (node.op != "param") return append(into, node);
    const auto plan = plans.find(node.text("name"));
    CHECK(plan != plans.end(), "no plan for '{}'", node.text("name"));
    return node.reals("shape").size() == 2 ? wrap_matrix(into, node, plan->second) : wrap_vector(into, node, plan->second);
  }));
}

}  // namespace hearth
