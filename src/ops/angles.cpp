// angles: position times frequency, in float32 as transformers does: (i32 [tokens], f32 [n]) -> f32 [tokens, n].
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, angles)

namespace hearth::op_set {

Op angles() {
  Op op;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 2));
    TRY_DONE(want_axes(node, args, 0, 1));
    TRY_DONE(want_axes(node, args, 1, 1));
    return TensorType{DType::f32, {args[0].shape[0], args[1].shape[0]}};
  };
  op.element = [](Emit& emit, const Node& node, const Index& at) {
    return cast(DType::f32, emit.read(node.args[0], {at[0]})) * emit.read(node.args[1], {at[1]});
  };
  return op;
}

}  // namespace hearth::op_set
