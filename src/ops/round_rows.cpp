// round_rows: rows to bf16, to nearest even: f32 [tokens, K] -> bf16 [tokens, rounded_row_elements(K)]; what lies past K is undefined.
#include "base/set.h"
#include "ops/op.h"
#include "ops/rounded_rows.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, round_rows)

namespace hearth::op_set {

Op round_rows() {
  Op op;
  op.kind = OpClass::row;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    TRY_DONE(want_axes(node, args, 0, 2));
    const Dim& columns = args[0].shape[1];
    if (!columns.is_constant()) return wrong_operand(node, 0, args[0], "rows of a constant size");
    return TensorType{DType::bf16, {args[0].shape[0], rounded_row_elements(columns.value())}};
  };
  // Writes its memory itself: rows lie further apart than they are long.
  op.row = [](Emit& emit, const Node& node, const Index& row) {
    const int64_t columns = emit.type(node.args[0]).shape[1].value();
    const std::string i = emit.fresh("i");
    const Expr value = cast(DType::bf16, emit.read(node.args[0], {row[0], var(i)}));
    const Expr at = row[0] * Expr(rounded_row_elements(columns)) + var(i);
    return loop(i, Expr(columns), LoopKind::vector, store(emit.result(), at, value));
  };
  return op;
}

}  // namespace hearth::op_set
