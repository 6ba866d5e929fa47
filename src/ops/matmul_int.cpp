// matmul_int: matmul with int8 rows and quantized weights: (u8 [rows, QuantizedRow::bytes], w [columns, K]) -> f32 [rows, columns].
//
// Within a group of weights that share a scale products are summed exactly in int32 by dot4; scales come outside:
//   sum += (scale_w * scale_x) * (dot(code, x) - zero * sum(x))        sums of codes
//   sum += (scale_w * scale_x) * dot(code, x) + offset_w * sum(scale_x * x)   sums of values
#include "base/check.h"
#include "base/set.h"
#include "ops/contraction.h"
#include "ops/quantized_rows.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, matmul_int)

namespace hearth::op_set {
namespace {

constexpr int kMostGroups = 8;           // unrolled: formulas see constants, and code stays small
const Type kF32{DType::f32, 1};
const Type kI32{DType::i32, 1};

// The four code bytes as dot4 on this target wants them, and what that does to the zero point.
struct Codes {
  Expr bytes;
  int zero;
};
Codes dot_codes(Emit& emit, const WeightView& weight, const Expr& code) {
  const bool is_unsigned = code->type.dtype == DType::u8;
  if (emit.dot_wants_unsigned() && !is_unsigned)       // -128 .. 127 -> 0 .. 255
    return {bitcast({DType::u8, 4}, code) ^ constant_int({DType::u8, 4}, 128), weight.zero + 128};
  if (!emit.dot_wants_unsigned() && is_unsigned) {
    CHECK(weight.code_max < 128, "codes up to {} do not fit int8", weight.code_max);
    return {bitcast({DType::i8, 4}, code), weight.zero};
  }
  return {code, weight.zero};
}

struct Group {
  Expr t, column;                // the group's first column, i64
  WeightView::At at;
  int size;                      // elements
};

// -zero * sum(x), from the kept -8 * sum(x); exact because that is a multiple of 8.
Expr dot_start(const Expr& kept_sum, int zero) {
  if (zero == 0) return constant_int(kI32, 0);
  if (zero % kSumFactor == 0) return kept_sum * constant_int(kI32, zero / -kSumFactor);
  return (kept_sum * constant_int(kI32, zero)) / constant_int(kI32, -kSumFactor);
}

Stmt group_products(Emit& emit, const WeightView& weight, Buffer x, const QuantizedRow& layout, const Group& group, Buffer sum) {
  const Buffer dot = local_buffer(emit.fresh("dot"), DType::i32, 1);
  const Expr sum_at = layout.sum_index(group.t, group.column / Expr(layout.sum_group));
  std::vector<Stmt> steps;
  int zero = 0;
  for (int j = 0; j < group.size; j += 4) {
    WeightView::At at = group.at;
    at.axes.back() = Expr(j);
    const Codes codes = dot_codes(emit, weight, weight.code(at, 4));
    zero = codes.zero;
    const std::string w = emit.fresh("w");
    const Expr row = load_as({DType::i8, 4}, x, layout.code_index(group.t, group.column + Expr(j)));
    steps.push_back(let(w, codes.bytes, store(dot, Expr(0), dot4(load(dot, Expr(0)), var(w, codes.bytes->type), row))));
  }
  CHECK(zero == 0 || layout.sum_of == SumOf::codes, "a zero point of {} without sums of codes", zero);
  steps.insert(steps.begin(), store(dot, Expr(0), dot_start(load_as(kI32, x, sum_at), zero)));

  const std::string scale = emit.fresh("scale"), offset = emit.fresh("offset");
  const Expr x_scale = load_as(kF32, x, layout.scale_index(group.t, group.column / Expr(kRowGroup)));
  Stmt add = store(sum, Expr(0), fma(cast(kF32, load(dot, Expr(0))), var(scale, kF32) * x_scale, load(sum, Expr(0))));
  if (weight.offset) {
    CHECK(layout.sum_of == SumOf::values, "an offset without sums of values");
    const Expr x_sum = load_as(kF32, x, sum_at);
    add = block({add, let(offset, weight.offset(group.at),
                          store(sum, Expr(0), fma(var(offset, kF32), x_sum, load(sum, Expr(0)))))});
  }
  steps.push_back(let(scale, weight.scale(group.at), add));
  return alloc(dot, block(steps));
}

}  // namespace

Op matmul_int() {
  Op op;
  op.kind = OpClass::contraction;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 2));
    TRY_DONE(want_axes(node, args, 0, 2));
    TRY_DONE(want_axes(node, args, 1, 2));
    if (!args[1].shape[1].is_constant()) return wrong_operand(node, 1, args[1], "rows of a constant size");
    const QuantizedRow layout = quantized_row(node, args[1].shape[1].value());
    if (!(args[0].shape[1] == Dim(layout.bytes())))
      return wrong_operand(node, 0, args[0], "rows quantized from as many columns as " + print(args[1]));
    return TensorType{DType::f32, {args[0].shape[0], args[1].shape[0]}};
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const WeightView weight = emit.weight(node.args[1]);
    const QuantizedRow layout = quantized_row(node, emit.type(node.args[1]).shape[1].value());
    CHECK(layout.sum_group == weight.axes.back(), "sums of {} for groups of {}", layout.sum_group, weight.axes.back());
    const Buffer x = emit.buffer(node.args[0], Access::read);
    return contraction(emit, emit.type_of(node), weight, [&](const ContractionAt& at) {
      const std::string b = emit.fresh("b");
      std::vector<std::string> names;
      Group group{at.t, Expr(0), {at.panel, at.lane, var(b), {}}, weight.axes.back()};
      for (size_t i = 0; i + 1 < weight.axes.size(); ++i) {
        names.push_back(emit.fresh("a"));
        group.at.axes.push_back(var(names.back()));
        group.column = group.column * Expr(weight.axes[i]) + var(names.back());
      }
      group.column = var(b) * Expr(weight.block) + group.column * Expr(group.size);
      group.at.axes.push_back(Expr(0));
      Stmt body = group_products(emit, weight, x, layout, group, at.sum);
      int copies = 1;
      for (size_t i = names.size(); i-- > 0;) {
        copies *= weight.axes[i];
        body = loop(names[i], Expr(weight.axes[i]), copies <= kMostGroups ? LoopKind::unrolled : LoopKind::serial, body);
      }
      return loop(b, Expr(layout.columns / weight.block), LoopKind::serial, body);
    });
  };
  return op;
}

}  // namespace hearth::op_set
