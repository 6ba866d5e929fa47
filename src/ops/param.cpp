// param: a weight by its name in the checkpoint; `shape` as declared by the model, f32, or the stored bytes of each row once wrap_params has looked (attribute `stored`).
#include <cmath>

#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, param)

namespace hearth::op_set {
namespace {

constexpr double kMostElements = static_cast<double>(int64_t{1} << 40);

}  // namespace

Op param() {
  Op op;
  op.kind = OpClass::source;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 0));
    TensorType type{node.text("stored").empty() ? DType::f32 : DType::u8, {}};
    if (node.reals("shape").empty()) return error("param: '{}' has no shape, want at least one axis", node.text("name"));
    for (double extent : node.reals("shape"))
      if (!(extent >= 1 && extent <= kMostElements) || extent != std::floor(extent))
        return error("param: '{}' has an axis of {}, want a whole number from 1 to 2^40", node.text("name"), extent);
    for (double extent : node.reals("shape")) type.shape.push_back(static_cast<int64_t>(extent));
    if (!node.text("stored").empty()) type.shape.back() = node.integer("row_bytes");
    return type;
  };
  return op;
}

}  // namespace hearth::op_set
