// cosine: cos(x), element by element.
#include "base/set.h"
#include "ops/elementwise.h"

HEARTH_SET_MEMBER(op, cosine)

namespace hearth::op_set {

Op cosine() {
  return elementwise(+[](const Expr& x) -> Expr { return unary(UnaryOp::cos, x); });
}

}  // namespace hearth::op_set
