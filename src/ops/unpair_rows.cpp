// unpair_rows: undoes GGUF's order of rotary rows: within each of `heads` heads rows 2i, 2i+1 become i, i + size/2.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, unpair_rows)

namespace hearth::op_set {

Op unpair_rows() {
  Op op;
  op.kind = OpClass::prepare;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    const int64_t heads = node.integer("heads");
    const Dim rows = args[0].shape.empty() ? Dim(1) : args[0].shape[0];
    if (heads <= 0 || heads > INT32_MAX || !rows.is_constant() || rows.value() % (2 * heads) != 0)
      return wrong_operand(node, 0, args[0], fmt::format("rows that divide by 2 * {} heads", heads));
    return args[0];
  };
  return op;
}

}  // namespace hearth::op_set
