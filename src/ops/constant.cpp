// constant: a short f32 vector known from the config, `values`.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, constant)

namespace hearth::op_set {

Op constant() {
  Op op;
  op.kind = OpClass::source;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 0));
    return TensorType{DType::f32, {static_cast<int64_t>(node.reals("values").size())}};
  };
  return op;
}

}  // namespace hearth::op_set
