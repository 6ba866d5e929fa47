// rope: rotates each row's halves: (x [tokens, heads, D], cos [tokens, D/2], sin [tokens, D/2]) -> x's type.
//
//   y[i] = x[i] cos[i] - x[i + D/2] sin[i]     y[i + D/2] = x[i + D/2] cos[i] + x[i] sin[i]
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, rope)

namespace hearth::op_set {

Op rope() {
  Op op;
  op.kind = OpClass::row;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 3));
    TRY_DONE(want_axes(node, args, 0, 3));
    for (int i : {1, 2}) {
      TRY_DONE(want_axes(node, args, i, 2));
      if (!args[i].shape[1].is_constant() || !(args[i].shape[1] * 2 == args[0].shape[2]))
        return wrong_operand(node, i, args[i], "half as many columns as a row of " + print(args[0]));
    }
    return args[0];
  };
  op.row = [](Emit& emit, const Node& node, const Index& row) {
    const int64_t half = emit.type(node.args[1]).shape[1].value();
    const Type f32{DType::f32, 1};
    const std::string i = emit.fresh("i"), a = emit.fresh("a"), b = emit.fresh("b"), c = emit.fresh("c"), s = emit.fresh("s");
    const Expr low = var(i), high = var(i) + Expr(half);
    const Expr x = var(a, f32), y = var(b, f32), cos = var(c, f32), sin = var(s, f32);
    Stmt body = block({emit.finish({row[0], row[1], low}, x * cos - y * sin),
                       emit.finish({row[0], row[1], high}, y * cos + x * sin)});
    body = let(c, emit.read(node.args[1], {row[0], low}), let(s, emit.read(node.args[2], {row[0], low}), body));
    body = let(a, emit.read(node.args[0], {row[0], row[1], low}),
               let(b, emit.read(node.args[0], {row[0], row[1], high}), body));
    return loop(i, Expr(half), LoopKind::vector, body);
  };
  return op;
}

}  // namespace hearth::op_set
