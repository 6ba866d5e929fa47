// rms_scale: 1 / sqrt(mean(x^2) + eps) of each row: f32 [..., K] -> f32 [..., 1]; attribute eps.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, rms_scale)

namespace hearth::op_set {
namespace {

// Lanes sum side by side and are folded at the end: the same order on every machine.
Stmt sum_of_squares(Emit& emit, const Node& node, const Index& row, Buffer sum) {
  const Dim columns = emit.type(node.args[0]).shape.back();
  const int lanes = lanes_dividing(columns, 16);
  const std::string chunk = emit.fresh("chunk"), lane = emit.fresh("lane"), zero = emit.fresh("lane");
  Index at = row;
  at.push_back(var(chunk) * Expr(lanes) + var(lane));
  const std::string x_name = emit.fresh("x");
  const Expr x = var(x_name, {DType::f32, 1});
  const Stmt add = let(x_name, emit.read(node.args[0], at), store(sum, var(lane), fma(x, x, load(sum, var(lane)))));
  return block({loop(zero, Expr(lanes), LoopKind::vector, store(sum, var(zero), constant({DType::f32, 1}, 0))),
                loop(chunk, Expr(columns / lanes), LoopKind::serial, loop(lane, Expr(lanes), LoopKind::vector, add))});
}

}  // namespace

Op rms_scale() {
  Op op;
  op.kind = OpClass::row_reduce;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    if (args[0].shape.empty() || !args[0].shape.back().is_constant())
      return wrong_operand(node, 0, args[0], "rows of a constant size");
    TensorType type = args[0];
    type.shape.back() = 1;
    return type;
  };
  op.reduce = [](Emit& emit, const Node& node, const Index& row, Buffer out) {
    const Type f32{DType::f32, 1};
    const int64_t columns = emit.type(node.args[0]).shape.back().value();
    const int lanes = lanes_dividing(columns, 16);
    const Buffer sum = local_buffer(emit.fresh("sum"), DType::f32, lanes);
    const Expr total = reduce(BinaryOp::add, load_as({DType::f32, lanes}, sum, Expr(0)));
    const Expr mean = total / constant(f32, static_cast<double>(columns)) + constant(f32, node.real("eps"));
    return alloc(sum, block({sum_of_squares(emit, node, row, sum),
                             store(out, Expr(0), constant(f32, 1) / unary(UnaryOp::sqrt, mean))}));
  };
  return op;
}

}  // namespace hearth::op_set
