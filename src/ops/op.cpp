// Ops: the table made from the folder, verification and building with inferred types.
#include "ops/op.h"

#include <map>

#include "base/check.h"
#include "ops/shapes.h"

namespace hearth {

#define HEARTH_MEMBER(name) Op name();
namespace op_set {
#include <sets/ops.inc>
}
#undef HEARTH_MEMBER

namespace {

const std::map<std::string, Op, std::less<>>& table() {
  static const std::map<std::string, Op, std::less<>> kTable = [] {
    std::map<std::string, Op, std::less<>> ops;
#define HEARTH_MEMBER(name) ops.emplace(#name, op_set::name());
#include <sets/ops.inc>
#undef HEARTH_MEMBER
    for (auto& [name, op] : ops) op.name = name;
    return ops;
  }();
  return kTable;
}

std::vector<TensorType> types_of(const Graph& graph, const Node& node) {
  std::vector<TensorType> types;
  for (Value arg : node.args) types.push_back(graph.type(arg));
  return types;
}

}  // namespace

const Op* find_op(std::string_view name) {
  const auto it = table().find(name);
  return it == table().end() ? nullptr : &it->second;
}

const Op& op_of(const Node& node) {
  const Op* op = find_op(node.op);
  CHECK(op, "no op '{}'", node.op);
  return *op;
}

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  for (const auto& [name, op] : table()) names.push_back(name);
  return names;
}

Result<Done> verify(const Graph& graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const Op* op = find_op(node.op);
    if (!op) return error("graph: %{}: got op '{}', want one of the {} in ops/", i, node.op, table().size());
    for (Value arg : node.args)
      if (arg < 0 || static_cast<size_t>(arg) >= i) return error("graph: %{}: operand %{} does not come before", i, arg);
    const auto type = op->shape(node, types_of(graph, node));
    if (!type.ok()) return type.within(fmt::format("graph: %{}", i));
    if (!(*type == node.type))
      return error("graph: %{} = {}: got type {}, want {}", i, node.op, print(node.type), print(*type));
  }
  for (const Output& output : graph.outputs)
    if (output.value < 0 || static_cast<size_t>(output.value) >= graph.nodes.size())
      return error("graph: output '{}': got %{}, want one of {} values", output.name, output.value, graph.nodes.size());
  return Done{};
}

Value Build::operator()(const std::string& op, std::vector<Value> args, Attrs attrs) {
  Node node{op, std::move(args), std::move(attrs), {}};
  if (!failure) {
    auto type = op_of(node).shape(node, types_of(graph, node));
    if (type.ok()) node.type = *type;
    else failure = type.failure();
  }
  if (failure) node.args.clear();                 // the graph is lost; keep going without touching bad operands
  return append(graph, std::move(node));
}

Result<Graph> Build::finish() && {
  if (failure) return *failure;
  return std::move(graph);
}

Error wrong_operand(const Node& node, int operand, const TensorType& got, const std::string& want) {
  return error("{}: operand {}: got {}, want {}", node.op, operand, print(got), want);
}

Result<Done> want_operands(const Node& node, std::span<const TensorType> args, size_t count) {
  if (args.size() != count) return error("{}: got {} operands, want {}", node.op, args.size(), count);
  return Done{};
}

Result<Done> want_axes(const Node& node, std::span<const TensorType> args, int operand, size_t axes) {
  const auto& type = args[static_cast<size_t>(operand)];
  if (type.shape.size() != axes) return wrong_operand(node, operand, type, fmt::format("{} axes", axes));
  return Done{};
}

Result<TensorType> broadcast_shapes(const Node& node, std::span<const TensorType> args) {
  TensorType result = args[0];
  for (size_t a = 1; a < args.size(); ++a) {
    if (args[a].dtype != result.dtype)
      return wrong_operand(node, static_cast<int>(a), args[a], fmt::format("elements of {}", name_of(result.dtype)));
    std::vector<Dim> shape = args[a].shape;
    if (shape.size() > result.shape.size()) std::swap(shape, result.shape);
    const size_t shift = result.shape.size() - shape.size();
    for (size_t i = 0; i < shape.size(); ++i) {
      Dim& to = result.shape[i + shift];
      if (to == Dim(1)) to = shape[i];
      else if (!(shape[i] == Dim(1)) && !(shape[i] == to))
        return wrong_operand(node, static_cast<int>(a), args[a], "a shape that stretches to " + print(result));
    }
  }
  return result;
}

Index stretched(const TensorType& type, const Index& at) {
  Index index(at.end() - static_cast<std::ptrdiff_t>(type.shape.size()), at.end());
  for (size_t i = 0; i < index.size(); ++i)
    if (type.shape[i] == Dim(1)) index[i] = Expr(0);
  return index;
}

int lanes_dividing(const Dim& columns, int most) {
  if (!columns.is_constant()) return 1;
  int lanes = most;
  while (lanes > 1 && columns.value() % lanes != 0) lanes /= 2;
  return lanes;
}

}  // namespace hearth
