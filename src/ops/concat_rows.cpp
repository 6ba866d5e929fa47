// concat_rows: matrices of the same row size one under the other.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, concat_rows)

namespace hearth::op_set {

Op concat_rows() {
  Op op;
  op.kind = OpClass::prepare;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    if (args.empty()) return error("concat_rows: got no operands, want at least one");
    TensorType type = args[0];
    if (type.shape.empty()) return wrong_operand(node, 0, type, "rows");
    for (size_t i = 1; i < args.size(); ++i) {
      if (args[i].dtype != type.dtype || args[i].shape.size() != type.shape.size() ||
          (type.shape.size() == 2 && !(args[i].shape[1] == type.shape[1])))
        return wrong_operand(node, static_cast<int>(i), args[i], "rows like " + print(args[0]));
      type.shape[0] = type.shape[0] + args[i].shape[0];
    }
    return type;
  };
  return op;
}

}  // namespace hearth::op_set
