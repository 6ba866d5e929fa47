// encode: rows of plain numbers become rows of quantized blocks: u8 [rows, row_bytes] -> u8 [rows, bytes]; attributes scheme, from, row_bytes.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, encode)

namespace hearth::op_set {

Op encode() {
  Op op;
  op.kind = OpClass::prepare;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    TRY_DONE(want_axes(node, args, 0, 2));
    return TensorType{DType::u8, {args[0].shape[0], node.integer("row_bytes")}};
  };
  return op;
}

}  // namespace hearth::op_set
