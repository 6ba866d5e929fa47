// Graph IR: node access, use counts, cleaning and copying.
#include "ir/graph.h"

#include "base/check.h"

namespace hearth {
namespace {

template <class T>
const T* find_attr(const Node& node, const std::string& name) {
  const auto it = node.attrs.find(name);
  return it == node.attrs.end() ? nullptr : std::get_if<T>(&it->second);
}

std::string key_of(const Node& node) {
  std::string key = node.op + "(";
  for (Value arg : node.args) key += std::to_string(arg) + ",";
  Graph single;
  single.nodes.push_back(node);
  single.nodes.back().args.clear();
  return key + ")" + print(single);
}

bool is_pure(const Node& node) { return node.op != "kv_write"; }

}  // namespace

int64_t Node::integer(const std::string& attr, int64_t otherwise) const {
  const int64_t* value = find_attr<int64_t>(*this, attr);
  return value ? *value : otherwise;
}

double Node::real(const std::string& attr, double otherwise) const {
  const double* value = find_attr<double>(*this, attr);
  return value ? *value : otherwise;
}

const std::string& Node::text(const std::string& attr) const {
  static const std::string kNone;
  const std::string* value = find_attr<std::string>(*this, attr);
  return value ? *value : kNone;
}

const std::vector<double>& Node::reals(const std::string& attr) const {
  static const std::vector<double> kNone;
  const auto* value = find_attr<std::vector<double>>(*this, attr);
  return value ? *value : kNone;
}

std::vector<int> use_counts(const Graph& graph) {
  std::vector<int> counts(graph.nodes.size(), 0);
  for (const Node& node : graph.nodes)
    for (Value arg : node.args) ++counts[static_cast<size_t>(arg)];
  for (const Output& output : graph.outputs) ++counts[static_cast<size_t>(output.value)];
  return counts;
}

Value append(Graph& graph, Node node) {
  for (Value arg : node.args)
    CHECK(arg >= 0 && static_cast<size_t>(arg) < graph.nodes.size(), "{}: operand %{} comes later", node.op, arg);
  graph.nodes.push_back(std::move(node));
  return static_cast<Value>(graph.nodes.size()) - 1;
}

Graph rewrite_graph(const Graph& graph, const std::function<Value(Graph&, const Node&, Value)>& change) {
  Graph into;
  into.sizes = graph.sizes;
  std::vector<Value> where(graph.nodes.size(), -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node node = graph.nodes[i];
    for (Value& arg : node.args) arg = where[static_cast<size_t>(arg)];
    where[i] = change(into, node, static_cast<Value>(i));
  }
  for (const Output& output : graph.outputs)
    into.outputs.push_back({output.name, where[static_cast<size_t>(output.value)]});
  return into;
}

Graph clean(const Graph& graph) {
  std::vector<bool> needed(graph.nodes.size(), false);
  for (const Output& output : graph.outputs) needed[static_cast<size_t>(output.value)] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (Value arg : graph.nodes[i].args) needed[static_cast<size_t>(arg)] = true;
  }
  std::map<std::string, Value> seen;
  return rewrite_graph(graph, [&](Graph& into, const Node& node, Value old) -> Value {
    if (!needed[static_cast<size_t>(old)]) return -1;
    if (!is_pure(node)) return append(into, node);
    const auto [it, fresh] = seen.try_emplace(key_of(node), 0);
    if (fresh) it->second = append(into, node);
    return it->second;
  });
}

}  // namespace hearth
