// slice_columns: columns [first, first + count) of [rows, columns].
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, slice_columns)

namespace hearth::op_set {

Op slice_columns() {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    TRY_DONE(want_axes(node, args, 0, 2));
    const int64_t first = node.integer("first"), count = node.integer("count");
    const Dim& columns = args[0].shape[1];
    if (!columns.is_constant() || first < 0 || count <= 0 || first > columns.value() - count)
      return wrong_operand(node, 0, args[0], fmt::format("{} columns from {} on", count, first));
    return TensorType{args[0].dtype, {args[0].shape[0], count}};
  };
  op.element = [](Emit& emit, const Node& node, const Index& at) {
    return emit.read(node.args[0], {at[0], at[1] + Expr(node.integer("first"))});
  };
  return op;
}

}  // namespace hearth::op_set
