// matmul: x times the transpose of w, in float32: (f32 [rows, K], w [columns, K]) -> f32 [rows, columns].
//
// Products are added in an order of k alone, one fma each, so a row's result never depends on the other rows.
#include "base/set.h"
#include "ops/contraction.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, matmul)

namespace hearth::op_set {
namespace {

// The loop nest over a block's axes; small ones unrolled so that formulas see constants.
Stmt over_axes(Emit& emit, const std::vector<int>& axes, const std::function<Stmt(const Index&, const Expr&)>& body) {
  Index at;
  std::vector<std::string> names;
  Expr k(0);
  for (int size : axes) {
    names.push_back(emit.fresh("a"));
    at.push_back(var(names.back()));
    k = k * Expr(size) + at.back();
  }
  Stmt nest = body(at, k);
  for (size_t i = axes.size(); i-- > 0;)
    nest = loop(names[i], Expr(axes[i]), axes[i] <= 32 ? LoopKind::unrolled : LoopKind::serial, nest);
  return nest;
}

// Plain weights have blocks of one element: eight at a time keep the loop's own cost small. Even and odd k are summed apart, so
// that one row alone does not wait for each fma.
Stmt plain_products(Emit& emit, const Node& node, const WeightView& weight, const ContractionAt& at, int64_t count) {
  const int step = count % 8 == 0 ? 8 : 1, sums = step > 1 ? 2 : 1;
  const Type f32{DType::f32, 1};
  const Buffer part = local_buffer(emit.fresh("part"), DType::f32, sums);
  const std::string outer = emit.fresh("k"), w = emit.fresh("w");
  std::vector<Stmt> clear, adds;
  for (int i = 0; i < sums; ++i) clear.push_back(store(part, Expr(i), constant(f32, 0)));
  for (int i = 0; i < step; ++i) {
    const Expr k = var(outer) * Expr(step) + Expr(i), total = load(part, Expr(i % sums));
    const Expr value = weight.value({at.panel, at.lane, k, {Expr(0)}}, 1);
    adds.push_back(let(w, value, store(part, Expr(i % sums), fma(emit.read(node.args[0], {at.t, k}), var(w, f32), total))));
  }
  const Expr whole = sums > 1 ? load(part, Expr(0)) + load(part, Expr(1)) : load(part, Expr(0));
  clear.push_back(loop(outer, Expr(count / step), LoopKind::serial, block(adds)));
  clear.push_back(store(at.sum, Expr(0), whole));
  return alloc(part, block(clear));
}

}  // namespace

Op matmul() {
  Op op;
  op.kind = OpClass::contraction;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 2));
    TRY_DONE(want_axes(node, args, 0, 2));
    TRY_DONE(want_axes(node, args, 1, 2));
    if (!(args[0].shape[1] == args[1].shape[1]))
      return wrong_operand(node, 1, args[1], "rows as long as those of " + print(args[0]));
    return TensorType{DType::f32, {args[0].shape[0], args[1].shape[0]}};
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const WeightView weight = emit.weight(node.args[1]);
    const int64_t columns = emit.type(node.args[0]).shape[1].value();
    return contraction(emit, emit.type_of(node), weight, [&](const ContractionAt& at) -> Stmt {
      if (weight.block == 1) return plain_products(emit, node, weight, at, columns);
      const std::string b = emit.fresh("b"), w = emit.fresh("w");
      return loop(b, Expr(columns / weight.block), LoopKind::serial,
                  over_axes(emit, weight.axes, [&](const Index& axes, const Expr& k) {
                    const Expr x = emit.read(node.args[0], {at.t, var(b) * Expr(weight.block) + k});
                    const Expr sum = fma(x, var(w, {DType::f32, 1}), load(at.sum, Expr(0)));
                    return let(w, weight.value({at.panel, at.lane, var(b), axes}, 1), store(at.sum, Expr(0), sum));
                  }));
    });
  };
  return op;
}

}  // namespace hearth::op_set
