// Elementwise ops of one and of two operands.
#include "ops/elementwise.h"

#include "ops/shapes.h"

namespace hearth {

Op elementwise(Expr (*formula)(const Expr& x)) {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    return args[0];
  };
  op.element = [formula](Emit& emit, const Node& node, const Index& at) {
    return formula(emit.read(node.args[0], at));
  };
  return op;
}

Op elementwise(Expr (*formula)(const Expr& a, const Expr& b)) {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 2));
    return broadcast_shapes(node, args);
  };
  op.element = [formula](Emit& emit, const Node& node, const Index& at) {
    const Expr a = emit.read(node.args[0], stretched(emit.type(node.args[0]), at));
    return formula(a, emit.read(node.args[1], stretched(emit.type(node.args[1]), at)));
  };
  return op;
}

}  // namespace hearth
