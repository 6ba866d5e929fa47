// decode: the numbers of stored rows: bytes -> f32 [rows, columns]; attributes storage, rows, columns, panel.
//
// It has no loops of its own: who reads it decodes as it reads (Emit::weight).
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, decode)

namespace hearth::op_set {

Op decode() {
  Op op;
  op.kind = OpClass::source;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    return TensorType{DType::f32, {node.integer("rows"), node.integer("columns")}};
  };
  return op;
}

}  // namespace hearth::op_set
