// sine: sin(x), element by element.
#include "base/set.h"
#include "ops/elementwise.h"

HEARTH_SET_MEMBER(op, sine)

namespace hearth::op_set {

Op sine() {
  return elementwise(+[](const Expr& x) -> Expr { return unary(UnaryOp::sin, x); });
}

}  // namespace hearth::op_set
