// embed: rows of a weight matrix by number: (i32 [tokens], w [vocabulary, K]) -> f32 [tokens, K].
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, embed)

namespace hearth::op_set {

Op embed() {
  Op op;
  op.kind = OpClass::contraction;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 2));
    TRY_DONE(want_axes(node, args, 0, 1));
    TRY_DONE(want_axes(node, args, 1, 2));
    return TensorType{DType::f32, {args[0].shape[0], args[1].shape[1]}};
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const WeightView weight = emit.weight(node.args[1]);
    const TensorType& table = emit.type(node.args[1]);
    const std::string t = emit.fresh("t"), id = emit.fresh("id"), b = emit.fresh("b");
    WeightView::At at{var(id) / Expr(weight.panel_rows), var(id) % Expr(weight.panel_rows), var(b), {}};
    std::vector<std::string> names;
    Expr k = var(b);
    for (int size : weight.axes) {
      names.push_back(emit.fresh("a"));
      at.axes.push_back(var(names.back()));
      k = k * Expr(size) + var(names.back());
    }
    Stmt body = emit.finish({var(t), k}, weight.value(at, 1));
    for (size_t i = names.size(); i-- > 0;) {
      const bool neighbours = i + 1 == names.size() && weight.panel_rows == 1;
      body = loop(names[i], Expr(weight.axes[i]), neighbours ? LoopKind::vector : LoopKind::serial, body);
    }
    body = loop(b, Expr(table.shape[1] / weight.block), LoopKind::serial, body);
    body = let(id, cast(kIndex, emit.read(node.args[0], {var(t)})), body);
    const Dim tokens = emit.type(node.args[0]).shape[0];
    return KernelBody{tokens, loop(t, Expr(tokens), LoopKind::parallel, body)};
  };
  return op;
}

}  // namespace hearth::op_set
