// gelu_tanh: x * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, element by element.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, gelu_tanh)

namespace hearth::op_set {

Op gelu_tanh() {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    return args[0];
  };
  op.element = [](Emit& emit, const Node& node, const Index& at) {
    const Expr x = emit.read(node.args[0], at);
    return x * constant(x->type, 0.5) *
           (constant(x->type, 1) + unary(UnaryOp::tanh, (x + x * x * x * constant(x->type, 0.044715)) *
                                                            constant(x->type, 0.79788456080286536)));
  };
  return op;
}

}  // namespace hearth::op_set
