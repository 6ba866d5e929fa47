// kv_write: keys or values of this step into their pages:
// (state, f32 [tokens, heads, D], i32 positions [tokens], i32 seq [tokens], i32 page_table [seqs, table]) -> state.
// Attribute part: "key" or "value". Numbers beyond the state's range are kept at its ends, so no infinity is ever stored.
#include "base/set.h"
#include "ops/kv_place.h"
#include "ops/op.h"

HEARTH_SET_MEMBER(op, kv_write)

namespace hearth::op_set {

Op kv_write() {
  Op op;
  op.kind = OpClass::effect;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(check_kv_write(node, args));
    if (!is_float(args[0].dtype)) return error("kv_write: got a state of {}, want floats", name_of(args[0].dtype));
    return args[0];
  };
  op.write = [](Emit& emit, const Node& node, const Index& at, Expr value) {
    const KvPlace place = kv_place(emit, node, at[0]);
    const Buffer state = emit.buffer(node.args[0], Access::read_write);
    if (state->dtype == DType::f16)
      value = min(max(value, constant(value->type, -65504)), constant(value->type, 65504));
    return store(state, place.pages.index(place.page, at[1], place.slot, at[2]), cast(state->dtype, value));
  };
  return op;
}

}  // namespace hearth::op_set
