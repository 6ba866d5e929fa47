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

// Another way to the same sums, for many rows: the panel's weights are made ready once, then every row reads what was
// made.
//
//   parallel panel { vector lane { <prepare, around> { independent t { acc = 0; <products>; finish(...) } } } }
struct ManyRows {
  int64_t at_least = 0;                                         // rows
  std::function<Stmt(const ContractionAt&, Stmt rows)> around;  // at.t and at.sum are not known there
  std::function<Stmt(const ContractionAt&)> products;
};

// `products` adds every product of one row of x and one row of weights to at.sum.
KernelBody contraction(Emit& emit, const TensorType& result, const WeightView& weight,
                       const std::function<Stmt(const ContractionAt&)>& products, const ManyRows* many = nullptr);

}  // namespace hearth
