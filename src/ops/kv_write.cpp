// kv_write: keys or values of this step into their pages:
// (state, f32 [tokens, heads, D], i32 positions [tokens], i32 seq [tokens], i32 page_table [seqs, table]) -> state.
// Attribute part: "key" or "value". Numbers beyond the state's range are kept at its ends, so no infinity is ever stored.
#include "base/set.h"
#include "ops/op.h"
#include "ops/pages.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, kv_write)

namespace hearth::op_set {

Op kv_write() {
  Op op;
  op.kind = OpClass::effect;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 5));
    TRY_DONE(want_axes(node, args, 0, 1));
    TRY_DONE(want_axes(node, args, 1, 3));
    TRY_DONE(want_axes(node, args, 2, 1));
    TRY_DONE(want_axes(node, args, 3, 1));
    TRY_DONE(want_axes(node, args, 4, 2));
    if (node.text("part") != "key" && node.text("part") != "value")
      return error("kv_write: got part '{}', want 'key' or 'value'", node.text("part"));
    return args[0];
  };
  op.write = [](Emit& emit, const Node& node, const Index& at, Expr value) {
    const TensorType& x = emit.type(node.args[1]);
    const Expr position = cast(kIndex, emit.read(node.args[2], {at[0]}));
    const Expr sequence = cast(kIndex, emit.read(node.args[3], {at[0]}));
    const Expr page = cast(kIndex, emit.read(node.args[4], {sequence, position / Expr(kPageTokens)}));
    const Expr slot = position % Expr(kPageTokens);
    const auto index = node.text("part") == "key" ? key_index : value_index;
    const Buffer state = emit.buffer(node.args[0], Access::read_write);
    if (state->dtype == DType::f16)
      value = min(max(value, constant(value->type, -65504)), constant(value->type, 65504));
    return store(state, index(page, at[1], slot, at[2], x.shape[1].value(), x.shape[2].value()), cast(state->dtype, value));
  };
  return op;
}

}  // namespace hearth::op_set
