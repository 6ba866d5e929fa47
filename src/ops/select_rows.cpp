// select_rows: row r of the result is row which[r] of x: ([n, columns], i32 [rows]) -> [rows, columns].
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, select_rows)

namespace hearth::op_set {

Op select_rows() {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 2));
    TRY_DONE(want_axes(node, args, 0, 2));
    TRY_DONE(want_axes(node, args, 1, 1));
    return TensorType{args[0].dtype, {args[1].shape[0], args[0].shape[1]}};
  };
  op.element = [](Emit& emit, const Node& node, const Index& at) {
    return emit.read(node.args[0], {cast(kIndex, emit.read(node.args[1], {at[0]})), at[1]});
  };
  return op;
}

}  // namespace hearth::op_set
