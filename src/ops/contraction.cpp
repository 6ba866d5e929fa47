// The loops that matmul and matmul_int share.
#include "ops/contraction.h"

#include "base/check.h"
#include "ops/ask.h"
#include "ops/shapes.h"

namespace hearth {
namespace {

// What is done with the sums of one row, or of each of a pair: two f32 are one i64, first the lower half.
Stmt finish_rows(Emit& emit, const ContractionAt& at,
                 const std::function<Stmt(const Expr& t, const Expr& sum)>& finish) {
  if (at.rows == 1) return finish(at.t, load(at.sum, Expr(0)));
  const Type whole{DType::i64, 1}, half{DType::i32, 1};
  const std::string name = emit.fresh("sums");
  const Expr sums = var(name, whole);
  const auto row = [&](int i) { return bitcast({DType::f32, 1}, cast(half, sums >> constant_int(whole, 32 * i))); };
  return let(name, bitcast(whole, load_as({DType::f32, 2}, at.sum, Expr(0))),
             block({finish(at.t * Expr(2), row(0)), finish(at.t * Expr(2) + Expr(1), row(1))}));
}

}  // namespace

Stmt ask_for_next_panel(const WeightView& weight, const ContractionAt& at, const Expr& step, int64_t steps) {
  return ask_for_share(weight.bytes, (at.panel + Expr(1)) * Expr(weight.panel_bytes), weight.panel_bytes, step, steps);
}

Stmt ask_for_soon(const WeightView& weight, const ContractionAt& at, const Expr& step, int64_t steps) {
  const Expr first = at.panel * Expr(weight.panel_bytes) + Expr(kAheadBytes);
  return ask_for_share(weight.bytes, first, weight.panel_bytes, step, steps);
}

Result<TensorType> product_shape(const Node& node, std::span<const TensorType> args,
                                 const std::function<int64_t(int64_t columns)>& row_bytes) {
  TRY_DONE(want_operands(node, args, 2));
  TRY_DONE(want_axes(node, args, 0, 2));
  TRY_DONE(want_axes(node, args, 1, 2));
  const Dim& columns = args[1].shape[1];
  if (!columns.is_constant()) return wrong_operand(node, 1, args[1], "rows of a constant size");
  if (!(args[0].shape[1] == Dim(row_bytes(columns.value()))))
    return wrong_operand(node, 0, args[0], "rows quantized from as many columns as " + print(args[1]));
  return TensorType{DType::f32, {args[0].shape[0], args[1].shape[0]}};
}

KernelBody contraction(Emit& emit, const TensorType& result, const WeightView& weight,
                       const std::function<Stmt(const ContractionAt&)>& products, const ManyRows* many, int together) {
  const Dim rows = result.shape[0], columns = result.shape[1];
  const int lanes = weight.panel_rows;
  const std::string panel = emit.fresh("panel"), lane = emit.fresh("lane"), t = emit.fresh("t");
  const Expr column = lanes > 1 ? var(panel) * Expr(lanes) + var(lane) : var(panel);
  const ContractionAt at{var(t), var(panel), lanes > 1 ? var(lane) : Expr(0), nullptr};

  const auto finish_one = [&](const Expr& row, const Expr& sum) {
    const Stmt finish = emit.finish({row, column}, sum);
    return columns % lanes == Dim(0) ? finish : when(column < Expr(columns), finish);
  };
  const auto some_rows = [&](ContractionAt here, const Expr& count, const auto& add_products) {
    here.sum = local_buffer(emit.fresh("sum"), DType::f32, here.rows);
    const Stmt finish = finish_rows(emit, here, finish_one);
    const Stmt zero = store(here.sum, Expr(0), constant({DType::f32, here.rows}, 0));
    return loop(t, count, LoopKind::independent, alloc(here.sum, block({zero, add_products(here), finish})));
  };
  const auto all_rows = [&](const std::function<Stmt(const ContractionAt&)>& add_products) {
    const Expr count(rows);
    if (together == 1) return some_rows(at, count, add_products);
    CHECK(together == 2, "{} rows together, want 1 or 2", together);
    ContractionAt pair = at, last = at;
    pair.rows = 2;
    last.t = count / Expr(2) * Expr(2) + at.t;
    return block({some_rows(pair, count / Expr(2), add_products), some_rows(last, count % Expr(2), add_products)});
  };
  Stmt body = all_rows(products);
  if (many) body = when(Expr(many->at_least) <= Expr(rows), many->around(at, all_rows(many->products)), body);
  if (lanes > 1) body = loop(lane, Expr(lanes), LoopKind::vector, body);
  const Dim panels = ceil_div(columns, lanes);
  return {panels, loop(panel, Expr(panels), LoopKind::parallel, body)};
}

}  // namespace hearth
