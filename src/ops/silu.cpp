// silu: x / (1 + exp(-x)), element by element.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, silu)

namespace hearth::op_set {

Op silu() {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    return args[0];
  };
  op.element = [](Emit& emit, const Node& node, const Index& at) {
    const Expr x = emit.read(node.args[0], at);
    return x / (constant(x->type, 1) + unary(UnaryOp::exp, -x));
  };
  return op;
}

}  // namespace hearth::op_set
