// gelu: x * (1 + erf(x / sqrt 2)) / 2, element by element.
#include "base/set.h"
#include "ops/elementwise.h"

HEARTH_SET_MEMBER(op, gelu)

namespace hearth::op_set {

Op gelu() {
  return elementwise(+[](const Expr& x) -> Expr {
    return x * constant(x->type, 0.5) *
           (constant(x->type, 1) + unary(UnaryOp::erf, x * constant(x->type, 0.70710678118654752)));
  });
}

}  // namespace hearth::op_set
