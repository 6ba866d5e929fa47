// merge_projections: matmul(x, a), matmul(x, b) -> slices of matmul(x, concat_rows(a, b)), for weights stored alike.
//
// One pass over x and one launch instead of several. Only weights that nobody else reads are merged (a tied
// embedding keeps its own tensor).
#include <map>
#include <tuple>

#include "passes/pass.h"

namespace hearth {
namespace {

struct Member {
  Value matmul = 0, stored = 0;          // the product, and the bytes under its decode
};

// Products of the same x with decodes of the same storage and row size, in order.
std::map<std::tuple<Value, std::string, int64_t>, std::vector<Member>> find_groups(const Graph& graph) {
  const std::vector<int> uses = use_counts(graph);
  std::map<std::tuple<Value, std::string, int64_t>, std::vector<Member>> groups;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.op != "matmul" || graph[node.args[1]].op != "decode" || uses[static_cast<size_t>(node.args[1])] != 1) continue;
    const Node& decode = graph[node.args[1]];
    groups[{node.args[0], decode.text("storage"), decode.integer("columns")}].push_back(
        {static_cast<Value>(i), decode.args[0]});
  }
  std::erase_if(groups, [](const auto& group) { return group.second.size() < 2; });
  return groups;
}

Value merge(Graph& into, const Graph& graph, const std::vector<Member>& members, const std::vector<Value>& where, Value x) {
  Node concat{"concat_rows", {}, {}, {DType::u8, {0, 0}}};
  int64_t rows = 0;
  const Node& first = graph[graph[members[0].matmul].args[1]];
  for (const Member& member : members) {
    concat.args.push_back(where[static_cast<size_t>(member.stored)]);
    rows += graph.type(member.matmul).shape[1].value();
  }
  concat.type.shape = {rows, graph.type(members[0].stored).shape[1]};
  Node decode{"decode", {append(into, concat)}, first.attrs, {DType::f32, {rows, first.integer("columns")}}};
  decode.attrs["rows"] = rows;
  const Value weight = append(into, decode);
  return append(into, Node{"matmul", {x, weight}, {}, {DType::f32, {into.type(x).shape[0], rows}}});
}

}  // namespace

Graph merge_projections(const Graph& graph, const Target&) {
  const auto groups = find_groups(graph);
  std::map<Value, const std::vector<Member>*> group_of;
  for (const auto& [key, members] : groups)
    for (const Member& member : members) group_of[member.matmul] = &members;

  // The stored bytes of later members come before the first product only if they depend on params alone; they do, but
  // may stand later in the list, so params and their encodes are copied first.
  Graph into;
  into.sizes = graph.sizes;
  std::vector<Value> where(graph.nodes.size(), -1);
  const auto copy = [&](size_t i) {
    Node node = graph.nodes[i];
    for (Value& arg : node.args) arg = where[static_cast<size_t>(arg)];
    where[i] = append(into, std::move(node));
  };
  const auto is_stored = [&](const Node& node) {
    return node.op == "param" || node.op == "encode" || node.op == "unpair_rows" || node.op == "widen";
  };
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    if (is_stored(graph.nodes[i])) copy(i);
  std::map<const std::vector<Member>*, Value> merged;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (is_stored(graph.nodes[i])) continue;
    const auto group = group_of.find(static_cast<Value>(i));
    if (group == group_of.end()) {
      copy(i);
      continue;
    }
    const std::vector<Member>& members = *group->second;
    auto [product, fresh] = merged.try_emplace(&members, -1);
    if (fresh) product->second = merge(into, graph, members, where, where[static_cast<size_t>(graph.nodes[i].args[0])]);
    int64_t first = 0;
    for (const Member& member : members) {
      if (member.matmul == static_cast<Value>(i)) break;
      first += graph.type(member.matmul).shape[1].value();
    }
    const TensorType& type = graph.nodes[i].type;
    where[i] = append(into, Node{"slice_columns", {product->second}, {{"first", first}, {"count", type.shape[1].value()}}, type});
  }
  for (const Output& output : graph.outputs) into.outputs.push_back({output.name, where[static_cast<size_t>(output.value)]});
  return into;
}

}  // namespace hearth
