// widen: a stored vector as f32: u8 [bytes] -> f32 [elements]; attributes from, elements.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, widen)

namespace hearth::op_set {

Op widen() {
  Op op;
  op.kind = OpClass::prepare;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    return TensorType{DType::f32, {node.integer("elements")}};
  };
  return op;
}

}  // namespace hearth::op_set
