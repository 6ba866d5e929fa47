// Graph IR: what a model computes, as operations over tensors with symbolic shapes; no loops, no bytes.
//
// Laws:
//  - SSA: a node's operands come before it; a node has one result. Values are node numbers.
//  - Types are complete: every node carries dtype and shape, checked against its op's shape rule (ops/op.h verify).
//  - Effects (kv_write) return their state, so order is data flow.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "ir/dim.h"

namespace hearth {

struct TensorType {
  DType dtype = DType::f32;
  std::vector<Dim> shape;
  bool operator==(const TensorType&) const = default;
};

using Attr = std::variant<int64_t, double, std::string, std::vector<double>>;
using Attrs = std::map<std::string, Attr>;
using Value = int;

struct Node {
  std::string op;
  std::vector<Value> args;
  Attrs attrs;
  TensorType type;

  int64_t integer(const std::string& attr, int64_t otherwise = 0) const;
  double real(const std::string& attr, double otherwise = 0) const;
  const std::string& text(const std::string& attr) const;            // "" if absent
  const std::vector<double>& reals(const std::string& attr) const;
};

struct Output {
  std::string name;
  Value value = 0;
};

struct Graph {
  std::vector<SizeDecl> sizes;
  std::vector<Node> nodes;
  std::vector<Output> outputs;

  const Node& operator[](Value value) const { return nodes[static_cast<size_t>(value)]; }
  const TensorType& type(Value value) const { return (*this)[value].type; }
};

// How often each value is used (outputs count).
std::vector<int> use_counts(const Graph& graph);
// Keeps only what outputs need, in order; equal pure nodes become one.
Graph clean(const Graph& graph);

// Copies `graph` node by node; `change` sees each node with operands already translated and returns the value that takes
// its place in `into` (usually into.nodes.push_back). The way graph passes are written.
Graph rewrite_graph(const Graph& graph, const std::function<Value(Graph& into, const Node& node, Value old)>& change);
Value append(Graph& graph, Node node);

// %3 = matmul(%1, %2) {scheme = "q4_0"} : f32 [tokens, 2048]
std::string print(const Graph& graph);
std::string print(const TensorType& type);
Result<Graph> parse_graph(std::string_view text);

}  // namespace hearth
