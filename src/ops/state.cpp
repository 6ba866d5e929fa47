// state: memory that lives between steps; attributes name, dtype, elements (text).
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, state)

namespace hearth::op_set {

Op state() {
  Op op;
  op.kind = OpClass::source;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 0));
    const auto dtype = dtype_of(node.text("dtype"));
    if (!dtype) return error("state: got dtype '{}', want an element type", node.text("dtype"));
    TRY(Dim elements, parse_dim(node.text("elements")));
    return TensorType{*dtype, {elements}};
  };
  return op;
}

}  // namespace hearth::op_set
