// lower: graph -> loops, a kernel at a time.
#include "passes/lower.h"

#include <map>
#include <set>

#include "base/check.h"
#include "ops/op.h"
#include "passes/weight_view.h"

namespace hearth {
namespace {

Dim elements_of(const TensorType& type) {
  Dim count = 1;
  for (const Dim& extent : type.shape) count = count * extent;
  return count;
}

Expr flat_index(const TensorType& type, const Index& at) {
  CHECK(at.size() == type.shape.size(), "{} indices into {}", at.size(), print(type));
  Expr index(0);
  for (size_t i = 0; i < at.size(); ++i) index = index * Expr(type.shape[i]) + at[i];
  return index;
}

bool is_fused(const Node& node) { return node.integer("fused") == 1; }

// Names of the program's buffers by value; effects and their states share one.
std::vector<std::string> name_buffers(const Graph& graph) {
  std::vector<std::string> names(graph.nodes.size());
  for (const Output& output : graph.outputs) names[static_cast<size_t>(output.value)] = output.name;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const OpClass kind = op_of(node).kind;
    if (kind == OpClass::source && node.op != "decode" && node.op != "constant") names[i] = node.text("name");
    else if (kind == OpClass::effect) names[i] = names[static_cast<size_t>(node.args[0])];
    else if (names[i].empty()) names[i] = fmt::format("v{}", i);
  }
  return names;
}

// Lowers one root value and all that is fused into it. Buffers get names by order of first use, so that the same
// computation in another layer prints the same text.
class KernelLowering final : public Emit {
 public:
  KernelLowering(const Graph& graph, const Target& target, const std::vector<std::string>& names, Value root)
      : graph_(graph), target_(target), names_(names), root_(root), anchor_(find_anchor()) {}

  Kernel run(std::vector<std::string>& buffers) {
    const KernelBody body = lower_root();
    Kernel kernel;
    kernel.name = "k_" + graph_[anchor_ >= 0 ? anchor_ : root_].op;
    kernel.extent = body.extent;
    kernel.body = body.body;
    kernel.params = params_;
    buffers = bound_;
    return kernel;
  }

  Expr read(Value operand, const Index& at) override {
    const Node& node = graph_[operand];
    if (operand == anchor_ && anchor_value_) return anchor_value_;
    const Op& op = op_of(node);
    if (is_fused(node) && op.kind == OpClass::injective) return op.element(*this, node, at);
    if (is_fused(node) && op.kind == OpClass::row_reduce) {
      const auto found = reduced_.find(operand);
      CHECK(found != reduced_.end(), "%{} {} is read outside its row", operand, node.op);
      return load(found->second, Expr(0));
    }
    return load(buffer(operand, Access::read), flat_index(node.type, at));
  }

  Buffer buffer(Value operand, Access access) override {
    const std::string& name = names_[static_cast<size_t>(operand)];
    CHECK(!is_fused(graph_[operand]), "%{} {} has no memory", operand, graph_[operand].op);
    for (size_t i = 0; i < bound_.size(); ++i) {
      if (bound_[i] != name) continue;
      if (params_[i].access != access) params_[i].access = Access::read_write;
      return params_[i].buffer;
    }
    bound_.push_back(name);
    params_.push_back({global_buffer(fmt::format("b{}", params_.size()), graph_.type(operand).dtype), access});
    return params_.back().buffer;
  }

  WeightView weight(Value operand) override {
    const Node& decode = graph_[operand];
    CHECK(decode.op == "decode", "a product reads {}, want decode", decode.op);
    return weight_view(decode, buffer(decode.args[0], Access::read));
  }

  Stmt finish(const Index& at, Expr value) override {
    const std::string name = fresh("y");
    anchor_value_ = var(name, value->type);
    const Stmt stored = write_root(at);
    anchor_value_ = Expr();
    return let(name, value, stored);
  }

  Buffer result() override { return buffer(root_, Access::write); }
  std::string fresh(std::string_view name) override { return fmt::format("{}{}", name, counter_++); }
  const TensorType& type(Value value) override { return graph_.type(value); }
  bool dot_wants_unsigned() override { return target_.dot4 != Dot4::signed_signed; }
  int wide_registers() override { return target_.vector_registers * target_.vector_bytes / 64; }

 private:
  // The one op with loops of its own among what is fused into the root: the root itself or a fused operand.
  Value find_anchor() const {
    Value found = -1;
    std::vector<Value> stack{root_};
    while (!stack.empty()) {
      const Value v = stack.back();
      stack.pop_back();
      const OpClass kind = op_of(graph_[v]).kind;
      if (kind == OpClass::contraction || kind == OpClass::row || kind == OpClass::kernel) {
        CHECK(found < 0 || found == v, "two ops with loops in one kernel: {} and {}", graph_[found].op, graph_[v].op);
        found = v;
        if (kind != OpClass::row) continue;
      }
      for (Value arg : graph_[v].args)
        if (is_fused(graph_[arg])) stack.push_back(arg);
    }
    return found;
  }

  // Row reductions fused into this kernel, in order.
  std::vector<Value> find_reductions() const {
    std::set<Value> found, seen;
    std::vector<Value> stack{root_};
    while (!stack.empty()) {
      const Value v = stack.back();
      stack.pop_back();
      if (!seen.insert(v).second) continue;
      if (v != root_ && op_of(graph_[v]).kind == OpClass::row_reduce) found.insert(v);
      for (Value arg : graph_[v].args)
        if (is_fused(graph_[arg])) stack.push_back(arg);
    }
    return {found.begin(), found.end()};
  }

  Stmt write_root(const Index& at) {
    const Node& root = graph_[root_];
    const Op& op = op_of(root);
    if (op.kind == OpClass::effect) return op.write(*this, root, at, read(root.args[1], at));
    const Expr value = root_ == anchor_ ? anchor_value_ : op.element(*this, root, at);
    return store(buffer(root_, Access::write), flat_index(root.type, at), value);
  }

  KernelBody lower_root() {
    if (anchor_ >= 0 && op_of(graph_[anchor_]).kind != OpClass::row)
      return op_of(graph_[anchor_]).kernel(*this, graph_[anchor_]);
    const Node& root = graph_[root_];
    const bool effect = op_of(root).kind == OpClass::effect;
    return rows(anchor_ >= 0 ? graph_.type(anchor_) : effect ? graph_.type(root.args[1]) : root.type);
  }

  // One loop for each axis but the last; reductions of the row first, then the row itself.
  KernelBody rows(const TensorType& type) {
    Index row;
    std::vector<std::string> vars;
    for (size_t i = 0; i + 1 < type.shape.size(); ++i) {
      vars.push_back(fresh("row"));
      row.push_back(var(vars.back()));
    }
    CHECK(!vars.empty(), "a kernel over a vector: {}", print(type));
    const std::vector<Value> reductions = find_reductions();
    std::vector<Stmt> steps;
    for (Value v : reductions) {
      const Buffer out = local_buffer(fresh("stat"), DType::f32, 1);
      steps.push_back(op_of(graph_[v]).reduce(*this, graph_[v], row, out));
      reduced_[v] = out;
    }
    steps.push_back(row_body(type, row));
    Stmt body = block(steps);
    for (Value v : reductions) body = alloc(reduced_[v], body);
    for (size_t i = vars.size(); i-- > 0;)
      body = loop(vars[i], Expr(type.shape[i]), i == 0 ? LoopKind::parallel : LoopKind::serial, body);
    return {type.shape[0], body};
  }

  Stmt row_body(const TensorType& type, const Index& row) {
    const Node& root = graph_[root_];
    if (anchor_ >= 0) return op_of(graph_[anchor_]).row(*this, graph_[anchor_], row);
    if (op_of(root).kind == OpClass::effect && !op_of(root).write) return op_of(root).row(*this, root, row);
    if (op_of(root).kind == OpClass::row_reduce) {
      const Buffer out = local_buffer(fresh("stat"), DType::f32, 1);
      Index at = row;
      at.push_back(Expr(0));
      const Stmt keep = store(buffer(root_, Access::write), flat_index(root.type, at), load(out, Expr(0)));
      return alloc(out, block({op_of(root).reduce(*this, root, row, out), keep}));
    }
    const std::string last = fresh("i");
    Index at = row;
    at.push_back(var(last));
    return loop(last, Expr(type.shape.back()), LoopKind::vector, write_root(at));
  }

  const Graph& graph_;
  const Target& target_;
  const std::vector<std::string>& names_;
  Value root_, anchor_;
  Expr anchor_value_;
  std::map<Value, Buffer> reduced_;
  std::vector<KernelParam> params_;
  std::vector<std::string> bound_;       // the program's name of each param
  int counter_ = 0;
};

Role role_of(const Graph& graph, Value v) {
  const Node& node = graph[v];
  if (node.op == "input") return Role::input;
  if (node.op == "weight") return Role::weight;
  if (node.op == "state") return Role::state;
  for (const Output& output : graph.outputs)
    if (output.value == v) return Role::output;
  return Role::scratch;
}

}  // namespace

Program lower(const Graph& serve, const Target& target) {
  Program program;
  program.sizes = serve.sizes;
  const std::vector<std::string> names = name_buffers(serve);
  for (size_t i = 0; i < serve.nodes.size(); ++i) {
    const Value v = static_cast<Value>(i);
    const Node& node = serve[v];
    const OpClass kind = op_of(node).kind;
    if (is_fused(node)) continue;
    CHECK(kind != OpClass::prepare, "%{} {} should run while baking", i, node.op);
    if (kind != OpClass::effect)
      program.buffers.push_back({names[i], node.type.dtype, elements_of(node.type), role_of(serve, v)});
    if (kind == OpClass::source) continue;
    Launch launch;
    Kernel kernel = KernelLowering(serve, target, names, v).run(launch.buffers);
    kernel.name = fmt::format("{}_{}", kernel.name, program.kernels.size());
    launch.variants.push_back({kernel.name, 0, 0, 0});
    program.kernels.push_back(std::move(kernel));
    program.launches.push_back(std::move(launch));
  }
  return program;
}

}  // namespace hearth
