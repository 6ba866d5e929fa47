// silu: x / (1 + exp(-x)), element by element.
#include "base/set.h"
#include "ops/elementwise.h"

HEARTH_SET_MEMBER(op, silu)

namespace hearth::op_set {

Op silu() {
  return elementwise(+[](const Expr& x) -> Expr { return x / (constant(x->type, 1) + unary(UnaryOp::exp, -x)); });
}

}  // namespace hearth::op_set
