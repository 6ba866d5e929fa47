// weight: a prepared tensor of the artifact: u8 [bytes] or f32 [elements]; left behind by split_by_time.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, weight)

namespace hearth::op_set {

Op weight() {
  Op op;
  op.kind = OpClass::source;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 0));
    const auto dtype = dtype_of(node.text("dtype"));
    if (!dtype) return error("weight: got dtype '{}', want an element type", node.text("dtype"));
    return TensorType{*dtype, {node.integer("elements")}};
  };
  return op;
}

}  // namespace hearth::op_set
