// param: a weight by its name in the checkpoint; `shape` as declared by the model, f32, or the stored bytes of each row once wrap_params has looked (attribute `stored`).
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, param)

namespace hearth::op_set {

Op param() {
  Op op;
  op.kind = OpClass::source;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 0));
    TensorType type{node.text("stored").empty() ? DType::f32 : DType::u8, {}};
    for (double extent : node.reals("shape")) type.shape.push_back(static_cast<int64_t>(extent));
    if (!node.text("stored").empty()) type.shape.back() = node.integer("row_bytes");
    return type;
  };
  return op;
}

}  // namespace hearth::op_set
