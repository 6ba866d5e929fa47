// quantize_rows_i16: rows to 14 bits for products of 16-bit integers: f32 [tokens, K] -> u8 [tokens, RowI16::bytes].
//
//   scale = max|x| / 8191 over 32 elements, code = round_even(x * 8191 / max|x|); a group below 2^-50 is zeros, and its
//   scale that of 2^-50
#include "base/set.h"
#include "ops/nearest.h"
#include "ops/op.h"
#include "ops/rows_i16.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, quantize_rows_i16)

namespace hearth::op_set {
namespace {

Stmt quantize_group(Emit& emit, const RowI16& layout, const Expr& row, const Expr& group, Buffer values, Buffer out) {
  const Type f32{DType::f32, 1}, f32x32{DType::f32, kGroupI16};
  const std::string peak_name = emit.fresh("peak"), inverse_name = emit.fresh("inverse");
  const Expr all = load_as(f32x32, values, Expr(0)), most = constant(f32, kPeakI16);
  const Expr peak = var(peak_name, f32), least = constant(f32, kLeastPeakI16), inverse = var(inverse_name, f32);
  const Expr codes = cast(DType::i16, nearest_bits(all, broadcast(inverse, kGroupI16)));
  const Stmt body = block({store(out, layout.code_index(row, group * Expr(kGroupI16)), codes),
                           store(out, layout.scale_index(row, group), binary(BinaryOp::max, peak, least) / most)});
  const Expr usable = least < peak;
  return let(peak_name, reduce(BinaryOp::max, unary(UnaryOp::abs, all)),
             let(inverse_name, select(usable, most / peak, constant(f32, 0)), body));
}

}  // namespace

Op quantize_rows_i16() {
  Op op;
  op.kind = OpClass::row;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    TRY_DONE(want_axes(node, args, 0, 2));
    const Dim& columns = args[0].shape[1];
    if (!columns.is_constant() || columns.value() % kGroupI16 != 0)
      return wrong_operand(node, 0, args[0], "rows of a multiple of 32 elements");
    return TensorType{DType::u8, {args[0].shape[0], RowI16{columns.value()}.bytes()}};
  };
  // Writes its memory itself: one row holds two kinds of numbers.
  op.row = [](Emit& emit, const Node& node, const Index& row) {
    const RowI16 layout{emit.type(node.args[0]).shape[1].value()};
    const Buffer values = local_buffer(emit.fresh("values"), DType::f32, kGroupI16);
    const std::string group = emit.fresh("group"), i = emit.fresh("i");
    const Expr column = var(group) * Expr(kGroupI16) + var(i);
    const Stmt gather =
        loop(i, Expr(kGroupI16), LoopKind::vector, store(values, var(i), emit.read(node.args[0], {row[0], column})));
    const Stmt body = block({gather, quantize_group(emit, layout, row[0], var(group), values, emit.result())});
    return loop(group, Expr(layout.columns / kGroupI16), LoopKind::serial, alloc(values, body));
  };
  return op;
}

}  // namespace hearth::op_set
