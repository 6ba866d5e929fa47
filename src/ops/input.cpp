// input: what the engine gives for each step; attributes name, dims (text), dtype.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, input)

namespace hearth::op_set {

Op input() {
  Op op;
  op.kind = OpClass::source;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 0));
    const auto dtype = dtype_of(node.text("dtype"));
    if (!dtype) return error("input: got dtype '{}', want an element type", node.text("dtype"));
    TRY(Dim first, parse_dim(node.text("rows")));
    TensorType type{*dtype, {first}};
    if (!node.text("columns").empty()) {
      TRY(Dim second, parse_dim(node.text("columns")));
      type.shape.push_back(second);
    }
    return type;
  };
  return op;
}

}  // namespace hearth::op_set
