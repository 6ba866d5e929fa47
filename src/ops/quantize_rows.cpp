// quantize_rows: rows to int8 for integer dot products: f32 [tokens, K] -> u8 [tokens, QuantizedRow::bytes]; attributes
// sum_group (16 or 32), sum_values (1: sums of values, 0: of codes) and together (2: rows in pairs).
//
//   scale = max|x| / 127 over 32 elements, code = round_even(x * 127 / max|x|)
#include "base/set.h"
#include "ops/nearest.h"
#include "ops/op.h"
#include "ops/quantized_rows.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, quantize_rows)

namespace hearth::op_set {
namespace {

// Where a row's parts go: it begins where row `first` does, what belongs together lies `step` times as far apart, and
// it is the one of a pair that `within` says.
struct Place {
  const QuantizedRow& layout;
  Expr first, step, within;

  Expr code(const Expr& column) const {
    return layout.code_index(first, Expr(0)) + column * step + within * Expr(kRunOfPair);
  }
  Expr scale(const Expr& group) const {
    return layout.scale_index(first, Expr(0)) + (Expr(layout.columns / 4) + group) * step - Expr(layout.columns / 4) + within;
  }
  Expr sum(const Expr& group) const {
    const Expr before(layout.columns / 4 + layout.columns / kRowGroup);
    return layout.sum_index(first, Expr(0)) + (before + group) * step - before + within;
  }
};

// `rows`: of all rows. The last row of an odd number is alone.
Stmt with_place(Emit& emit, const QuantizedRow& layout, const Expr& row, const Expr& rows,
                const std::function<Stmt(const Place&)>& body) {
  if (layout.together == 1) return body({layout, row, Expr(1), Expr(0)});
  const std::string step = emit.fresh("step"), first = emit.fresh("first");
  const Expr paired = row < rows / Expr(2) * Expr(2);
  const Expr begin = select(paired, row / Expr(2) * Expr(2), row);
  return let(step, select(paired, Expr(2), Expr(1)),
             let(first, begin, body({layout, var(first), var(step), row - var(first)})));
}

// Codes of some of the group's elements; `kept` holds their nearest integers as bits.
Expr codes_of(Buffer kept, int first, int count) {
  return cast(DType::i8, load_as({DType::i32, count}, kept, Expr(first)));
}

Stmt store_codes(const QuantizedRow& layout, const Place& place, const Expr& group, Buffer kept, Buffer out) {
  if (layout.together == 1) return store(out, place.code(group * Expr(kRowGroup)), codes_of(kept, 0, kRowGroup));
  std::vector<Stmt> runs;
  for (int at = 0; at < kRowGroup; at += kRunOfPair)
    runs.push_back(store(out, place.code(group * Expr(kRowGroup) + Expr(at)), codes_of(kept, at, kRunOfPair)));
  return block(runs);
}

// The nearest integers go through a local array, so that each part can be summed.
Stmt quantize_group(Emit& emit, const QuantizedRow& layout, const Place& place, const Expr& group, Buffer values, Buffer out) {
  const Type f32{DType::f32, 1}, f32x32{DType::f32, kRowGroup}, i32{DType::i32, 1};
  const std::string peak_name = emit.fresh("peak"), inverse_name = emit.fresh("inverse");
  const Buffer kept = local_buffer(emit.fresh("kept"), DType::i32, kRowGroup);
  const Expr all = load_as(f32x32, values, Expr(0)), zero = constant(f32, 0);
  const Expr peak = var(peak_name, f32), inverse = var(inverse_name, f32);
  std::vector<Stmt> steps = {store(kept, Expr(0), bitcast({DType::i32, kRowGroup}, nearest_bits(all, broadcast(inverse, kRowGroup)))),
                             store_codes(layout, place, group, kept, out),
                             store(out, place.scale(group), peak / constant(f32, 127))};
  const int part = static_cast<int>(layout.sum_group), parts = kRowGroup / part;
  for (int i = 0; i < parts; ++i) {
    const Expr some = load_as({DType::i32, part}, kept, Expr(i * part));
    const Expr sum = reduce(BinaryOp::add, some) - constant_int(i32, part * kNearestBits);
    const Expr at = place.sum(group * Expr(parts) + Expr(i));
    const bool values_wanted = layout.sum_of == SumOf::values;
    steps.push_back(values_wanted ? store(out, at, peak / constant(f32, 127) * cast(f32, sum))
                                  : store(out, at, sum * constant_int(i32, kSumFactor)));
  }
  const Stmt body = let(inverse_name, select(zero < peak, constant(f32, 127) / peak, zero), alloc(kept, block(steps)));
  return let(peak_name, reduce(BinaryOp::max, unary(UnaryOp::abs, all)), body);
}

}  // namespace

Op quantize_rows() {
  Op op;
  op.kind = OpClass::row;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 1));
    TRY_DONE(want_axes(node, args, 0, 2));
    const Dim& columns = args[0].shape[1];
    if (!columns.is_constant() || columns.value() % kRowGroup != 0)
      return wrong_operand(node, 0, args[0], "rows of a multiple of 32 elements");
    const int64_t sum_group = node.integer("sum_group", kRowGroup);
    if (sum_group != 16 && sum_group != kRowGroup) return error("quantize_rows: got sum_group {}, want 16 or 32", sum_group);
    return TensorType{DType::u8, {args[0].shape[0], quantized_row(node, columns.value()).bytes()}};
  };
  // Writes its memory itself: one row holds three kinds of numbers.
  op.row = [](Emit& emit, const Node& node, const Index& row) {
    const QuantizedRow layout = quantized_row(node, emit.type(node.args[0]).shape[1].value());
    const Buffer values = local_buffer(emit.fresh("values"), DType::f32, kRowGroup);
    const std::string group = emit.fresh("group"), i = emit.fresh("i");
    const Expr column = var(group) * Expr(kRowGroup) + var(i);
    const Stmt gather = loop(i, Expr(kRowGroup), LoopKind::vector,
                             store(values, var(i), emit.read(node.args[0], {row[0], column})));
    return with_place(emit, layout, row[0], Expr(emit.type_of(node).shape[0]), [&](const Place& place) {
      const Stmt body = block({gather, quantize_group(emit, layout, place, var(group), values, emit.result())});
      return loop(group, Expr(layout.columns / kRowGroup), LoopKind::serial, alloc(values, body));
    });
  };
  return op;
}

}  // namespace hearth::op_set
