// The loops that matmul and matmul_int share: panels of weight rows, lanes within a panel, then the rows of x.
//
//   parallel panel { vector lane { independent t { acc = 0; <products>; finish(t, panel*lanes + lane, acc) } } }
#pragma once

#include <functional>

#include "ops/op.h"

namespace hearth {

struct ContractionAt {
  Expr t, panel, lane;
  Buffer sum;                    // local f32 [1]: the running sum
};

// `products` adds every product of one row of x and one row of weights to at.sum.
KernelBody contraction(Emit& emit, const TensorType& result, const WeightView& weight,
                       const std::function<Stmt(const ContractionAt&)>& products);

}  // namespace hearth
