// add_adapters: matmul(x, w) -> lora_up(matmul(x, w), lora_down(x)).
//
// Products of one x go together, first all lora_down, then the products, then all lora_up: neighbouring launches over
// the same extent become one, and what follows the products stays side by side as it was.
#include "passes/add_adapters.h"

#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "ops/op.h"

namespace hearth {
namespace {

// "model.layers.0.self_attn.q_proj", or "" where `node` is no product that adapters change.
std::string matrix_of(const Graph& graph, const Node& node) {
  if (node.op != "matmul" || graph[node.args[1]].op != "param") return "";
  const std::string& name = graph[node.args[1]].text("name");
  const std::string suffix = ".weight";
  if (!name.starts_with("model.layers.") || !name.ends_with(suffix)) return "";
  return name.substr(0, name.size() - suffix.size());
}

class Adding {
 public:
  explicit Adding(const Graph& graph) : graph_(graph) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      if (!matrix_of(graph, graph.nodes[i]).empty()) groups_[graph.nodes[i].args[0]].push_back(static_cast<Value>(i));
  }

  Graph run() {
    Graph result = rewrite_graph(graph_, [&](Graph& into, const Node& node, Value old) -> Value {
      if (const auto found = made_.find(old); found != made_.end()) return found->second;
      if (node.op == "param") return made_[old] = append(into, node);
      if (matrix_of(graph_, graph_[old]).empty()) return append(into, node);
      add_group(into, groups_.at(graph_[old].args[0]), node.args[0]);
      return made_.at(old);
    });
    result.sizes.push_back({"adapters", 1, kMaxAdapters});
    result.sizes.push_back({"rank", 1, kMaxAdapterRank});
    return result;
  }

 private:
  Value add(Graph& into, const std::string& op, std::vector<Value> args, Attrs attrs = {}) {
    Node node{op, std::move(args), std::move(attrs), {}};
    std::vector<TensorType> types;
    for (Value arg : node.args) types.push_back(into.type(arg));
    auto type = op_of(node).shape(node, types);
    CHECK(type.ok(), "{}", type.message());
    node.type = *type;
    return append(into, std::move(node));
  }

  Value state(Graph& into, const std::string& name, const Dim& a, const Dim& b) {
    const std::string elements = (Dim::size("adapters") * a * b).text();
    return add(into, "state", {}, {{"name", "lora." + name}, {"dtype", std::string("f32")}, {"elements", elements}});
  }

  Value adapter(Graph& into) {
    if (adapter_ < 0)
      adapter_ = add(into, "input", {},
                     {{"name", std::string("adapter")},
                      {"dtype", std::string("i32")},
                      {"rows", std::string("tokens")},
                      {"columns", std::string()}});
    return adapter_;
  }

  Value moved(Graph& into, Value param) {
    const auto [place, fresh] = made_.try_emplace(param, -1);
    if (fresh) place->second = append(into, graph_[param]);
    return place->second;
  }

  void add_group(Graph& into, const std::vector<Value>& members, Value x) {
    const Dim rank = Dim::size("rank");
    std::vector<Value> narrow, products;
    for (Value member : members) {
      const Value down = state(into, matrix_of(graph_, graph_[member]) + ".down", rank, into.type(x).shape[1]);
      narrow.push_back(add(into, "lora_down", {x, down, adapter(into)}, {{"rank", rank.text()}}));
    }
    for (Value member : members) {
      Node product = graph_[member];
      product.args = {x, moved(into, graph_[member].args[1])};
      products.push_back(append(into, product));
    }
    for (size_t i = 0; i < members.size(); ++i) {
      const Dim& outputs = into.type(products[i]).shape[1];
      const Value up = state(into, matrix_of(graph_, graph_[members[i]]) + ".up", outputs, rank);
      made_[members[i]] = add(into, "lora_up", {products[i], narrow[i], up, adapter(into)});
    }
  }

  const Graph& graph_;
  std::map<Value, std::vector<Value>> groups_;  // by x, in order
  std::map<Value, Value> made_;                 // products, and params moved up before them
  Value adapter_ = -1;
};

}  // namespace

Graph add_adapters(const Graph& graph) { return Adding(graph).run(); }

}  // namespace hearth
