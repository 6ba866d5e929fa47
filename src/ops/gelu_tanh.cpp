// gelu_tanh: x * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, element by element.
#include "base/set.h"
#include "ops/elementwise.h"

HEARTH_SET_MEMBER(op, gelu_tanh)

namespace hearth::op_set {

Op gelu_tanh() {
  return elementwise(+[](const Expr& x) -> Expr {
    return x * constant(x->type, 0.5) *
           (constant(x->type, 1) + unary(UnaryOp::tanh, (x + x * x * x * constant(x->type, 0.044715)) *
                                                            constant(x->type, 0.79788456080286536)));
  });
}

}  // namespace hearth::op_set
