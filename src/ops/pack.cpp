// pack: rows gathered into panels of `panel` rows (quant/layout.h), padded with zeros; attributes storage,
// panel, word (8: bytes in runs of 8, as tiles of bytes want them).
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, pack)

namespace hearth::op_set {

Op pack() {
  Op op;
  op.kind = OpClass::prepare;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    TRY_DONE(want_axes(node, args, 0, 2));
    const int64_t panel = node.integer("panel", 1);
    if (panel < 1 || panel > 1024) return error("pack: got panels of {} rows, want 1 to 1024", panel);
    return TensorType{DType::u8, {ceil_div(args[0].shape[0], panel) * panel, args[0].shape[1]}};
  };
  return op;
}

}  // namespace hearth::op_set
