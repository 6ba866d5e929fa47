// What every elementwise op shares: operands, shape rule, and reading; an op's own file adds its formula.
#pragma once

#include "ops/op.h"

namespace hearth {

// y = formula(x), of x's type.
Op elementwise(Expr (*formula)(const Expr& x));
// y = formula(a, b); axes of size 1 and missing leading axes stretch.
Op elementwise(Expr (*formula)(const Expr& a, const Expr& b));

}  // namespace hearth
