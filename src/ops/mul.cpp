// mul: a * b, element by element; axes of size 1 and missing leading axes stretch.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, mul)

namespace hearth::op_set {

Op mul() {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 2));
    return broadcast_shapes(node, args);
  };
  op.element = [](Emit& emit, const Node& node, const Index& at) {
    const Expr a = emit.read(node.args[0], stretched(emit.type(node.args[0]), at));
    const Expr b = emit.read(node.args[1], stretched(emit.type(node.args[1]), at));
    return a * b;
  };
  return op;
}

}  // namespace hearth::op_set
