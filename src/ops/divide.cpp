// divide: a / b, element by element; axes of size 1 and missing leading axes stretch.
#include "base/set.h"
#include "ops/elementwise.h"

HEARTH_SET_MEMBER(op, divide)

namespace hearth::op_set {

Op divide() {
  return elementwise(+[](const Expr& a, const Expr& b) -> Expr { return a / b; });
}

}  // namespace hearth::op_set
