// The loops that matmul and matmul_int share.
#include "ops/contraction.h"

namespace hearth {

KernelBody contraction(Emit& emit, const TensorType& result, const WeightView& weight,
                       const std::function<Stmt(const ContractionAt&)>& products, const ManyRows* many) {
  const Dim rows = result.shape[0], columns = result.shape[1];
  const int lanes = weight.panel_rows;
  const std::string panel = emit.fresh("panel"), lane = emit.fresh("lane"), t = emit.fresh("t");
  const Expr column = lanes > 1 ? var(panel) * Expr(lanes) + var(lane) : var(panel);
  const ContractionAt at{var(t), var(panel), lanes > 1 ? var(lane) : Expr(0), nullptr};

  const auto all_rows = [&](const std::function<Stmt(const ContractionAt&)>& add_products) {
    ContractionAt here = at;
    here.sum = local_buffer(emit.fresh("sum"), DType::f32, 1);
    Stmt finish = emit.finish({var(t), column}, load(here.sum, Expr(0)));
    if (!(columns % lanes == Dim(0))) finish = when(column < Expr(columns), finish);
    const Stmt zero = store(here.sum, Expr(0), constant({DType::f32, 1}, 0));
    return loop(t, Expr(rows), LoopKind::independent, alloc(here.sum, block({zero, add_products(here), finish})));
  };
  Stmt body = all_rows(products);
  if (many) body = when(Expr(many->at_least) <= Expr(rows), many->around(at, all_rows(many->products)), body);
  if (lanes > 1) body = loop(lane, Expr(lanes), LoopKind::vector, body);
  const Dim panels = ceil_div(columns, lanes);
  return {panels, loop(panel, Expr(panels), LoopKind::parallel, body)};
}

}  // namespace hearth
