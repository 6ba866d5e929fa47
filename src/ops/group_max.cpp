// group_max: the largest of each group of `columns` neighbours in a row, what is no number left out: f32 [rows, N] ->
// f32 [rows, ceil(N / columns)]; attribute columns (a power of two up to 64). A group of none is -inf.
//
// A group of all rows is one iteration, so that merge_launches can hang it behind the product that makes these columns.
#include <bit>
#include <limits>

#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, group_max)

namespace hearth::op_set {
namespace {

constexpr int64_t kMostColumns = 64;

KernelBody groups_kernel(Emit& emit, const Node& node) {
  const Dim rows = emit.type_of(node).shape[0];
  const int64_t columns = emit.type(node.args[0]).shape[1].value(), groups = emit.type_of(node).shape[1].value();
  const int width = static_cast<int>(node.integer("columns"));
  const std::string group = emit.fresh("group"), row = emit.fresh("row");
  const Type lanes{DType::f32, width};
  const Expr least = constant(lanes, -std::numeric_limits<double>::infinity());
  const Expr first = var(group) * Expr(width), at = var(row) * Expr(columns) + first;
  Expr values = load_as(lanes, emit.buffer(node.args[0], Access::read), at);
  if (columns % width != 0) {
    const Expr inside = ramp(first, Expr(1), width) < constant_int({DType::i64, width}, columns);
    values = select(inside, load_as(lanes, emit.buffer(node.args[0], Access::read), at, inside), least);
  }
  const Expr peak = reduce(BinaryOp::max, max(values, least));     // max(NaN, least) is least
  const Stmt body = store(emit.result(), var(row) * Expr(groups) + var(group), peak);
  return {Dim(groups), loop(group, Expr(groups), LoopKind::parallel, loop(row, Expr(rows), LoopKind::serial, body))};
}

}  // namespace

Op group_max() {
  Op op;
  op.kind = OpClass::kernel;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    TRY_DONE(want_axes(node, args, 0, 2));
    if (args[0].dtype != DType::f32 || !args[0].shape[1].is_constant())
      return wrong_operand(node, 0, args[0], "f32 rows of a constant size");
    const int64_t columns = node.integer("columns");
    if (columns < 2 || columns > kMostColumns || !std::has_single_bit(static_cast<uint64_t>(columns)))
      return error("group_max: got columns {}, want a power of two from 2 to {}", columns, kMostColumns);
    return TensorType{DType::f32, {args[0].shape[0], ceil_div(args[0].shape[1], columns)}};
  };
  op.kernel = groups_kernel;
  return op;
}

}  // namespace hearth::op_set
