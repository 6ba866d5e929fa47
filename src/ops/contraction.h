// The loops that matmul and matmul_int share: panels of weight rows, lanes within a panel, then the rows of x.
//
//   parallel panel { vector lane { independent t { acc = 0; <products>; finish(t, panel*lanes + lane, acc) } } }
#pragma once

#include <functional>

#include "ops/op.h"

namespace hearth {

struct ContractionAt {
  Expr t, panel, lane;
  Buffer sum;                    // local f32 [rows]: the running sums
  int rows = 1;                  // 2: of rows 2t and 2t + 1, as vectors of two
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

// Asks memory for share `step` of `steps` of the panel after at.panel: while rows read a strip, nothing else would be on
// its way. And, while the strip is filled, for what comes 8 KiB later.
Stmt ask_for_next_panel(const WeightView& weight, const ContractionAt& at, const Expr& step, int64_t steps);
Stmt ask_for_soon(const WeightView& weight, const ContractionAt& at, const Expr& step, int64_t steps);

// (rows quantized from K columns, w [columns, K]) -> f32 [rows, columns]; row_bytes(K): of such a row.
Result<TensorType> product_shape(const Node& node, std::span<const TensorType> args,
                                 const std::function<int64_t(int64_t columns)>& row_bytes);

// `products` adds every product of one row of x and one row of weights to at.sum. together 2: rows go in pairs, which
// `products` is asked for too, and the last of an odd number alone:
//
//   independent t < rows/2 { acc[2] = 0; <products of a pair>; finish(2t, acc[0]); finish(2t + 1, acc[1]) }
//   independent t < rows%2 { ... }
KernelBody contraction(Emit& emit, const TensorType& result, const WeightView& weight,
                       const std::function<Stmt(const ContractionAt&)>& products, const ManyRows* many = nullptr,
                       int together = 1);

}  // namespace hearth
