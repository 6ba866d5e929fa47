// reshape: [rows, a*b] -> [rows, a, b] and back; `heads` = a, or 0 to merge the last two axes.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, reshape)

namespace hearth::op_set {

Op reshape() {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    const int64_t heads = node.integer("heads");
    const TensorType& x = args[0];
    if (heads == 0) {
      TRY_DONE(want_axes(node, args, 0, 3));
      return TensorType{x.dtype, {x.shape[0], x.shape[1] * x.shape[2]}};
    }
    TRY_DONE(want_axes(node, args, 0, 2));
    if (heads < 0 || !x.shape[1].is_constant() || x.shape[1].value() % heads != 0)
      return wrong_operand(node, 0, x, fmt::format("columns that divide by {} heads", heads));
    return TensorType{x.dtype, {x.shape[0], heads, x.shape[1].value() / heads}};
  };
  op.element = [](Emit& emit, const Node& node, const Index& at) {
    const TensorType& x = emit.type(node.args[0]);
    if (node.integer("heads") > 0) {
      const int64_t size = x.shape[1].value() / node.integer("heads");
      return emit.read(node.args[0], {at[0], at[1] * Expr(size) + at[2]});
    }
    const Expr size(x.shape[2]);
    return emit.read(node.args[0], {at[0], at[1] / size, at[1] % size});
  };
  return op;
}

}  // namespace hearth::op_set
