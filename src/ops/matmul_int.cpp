// matmul_int: matmul with int8 rows and quantized weights: (u8 [rows, quantized_row_bytes(K)], w [columns, K]) -> f32 [rows, columns].
//
// Within a group of weights that share a scale products are summed exactly in int32 by dot4; scales come outside:
//   sum += (scale_w * scale_x) * (dot(code, x) - zero * sum(x)) + offset_w * (scale_x * sum(x))
#include "base/check.h"
#include "base/set.h"
#include "ops/contraction.h"
#include "ops/quantized_rows.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, matmul_int)

namespace hearth::op_set {
namespace {

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

// The exact integer sum of x over the group.
Expr sum_of_rows(Buffer x, int64_t columns, const Group& group) {
  Expr sum = load_as(kI32, x, sum_index(columns, group.t, group.column / Expr(kSumGroup)));
  for (int i = 1; i < group.size / kSumGroup; ++i)
    sum = sum + load_as(kI32, x, sum_index(columns, group.t, group.column / Expr(kSumGroup) + Expr(i)));
  return sum;
}

Stmt group_products(Emit& emit, const WeightView& weight, Buffer x, int64_t columns, const Group& group, Buffer sum) {
  const Buffer dot = local_buffer(emit.fresh("dot"), DType::i32, 1);
  std::vector<Stmt> steps;
  int zero = 0;
  std::vector<Stmt> dots;
  for (int j = 0; j < group.size; j += 4) {
    WeightView::At at = group.at;
    at.axes.back() = Expr(j);
    const Codes codes = dot_codes(emit, weight, weight.code(at, 4));
    zero = codes.zero;
    const std::string w = emit.fresh("w");
    const Expr row = load_as({DType::i8, 4}, x, code_index(columns, group.t, group.column + Expr(j)));
    dots.push_back(let(w, codes.bytes, store(dot, Expr(0), dot4(load(dot, Expr(0)), var(w, codes.bytes->type), row))));
  }
  const Expr x_sum = sum_of_rows(x, columns, group);
  const Expr start = zero == 0 ? constant_int(kI32, 0) : x_sum * constant_int(kI32, -zero);
  steps.push_back(store(dot, Expr(0), start));
  steps.insert(steps.end(), dots.begin(), dots.end());

  const std::string scale = emit.fresh("scale"), offset = emit.fresh("offset");
  const Expr x_scale = load_as(kF32, x, scale_index(columns, group.t, group.column / Expr(kRowGroup)));
  Stmt add = store(sum, Expr(0), fma(cast(kF32, load(dot, Expr(0))), var(scale, kF32) * x_scale, load(sum, Expr(0))));
  if (weight.offset)
    add = block({add, let(offset, weight.offset(group.at),
                          store(sum, Expr(0), fma(var(offset, kF32), x_scale * cast(kF32, x_sum), load(sum, Expr(0)))))});
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
    if (!args[1].shape[1].is_constant() || !(args[0].shape[1] == Dim(quantized_row_bytes(args[1].shape[1].value()))))
      return wrong_operand(node, 0, args[0], "rows quantized from as many columns as " + print(args[1]));
    return TensorType{DType::f32, {args[0].shape[0], args[1].shape[0]}};
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const WeightView weight = emit.weight(node.args[1]);
    const int64_t columns = emit.type(node.args[1]).shape[1].value();
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
      Stmt body = group_products(emit, weight, x, columns, group, at.sum);
      for (size_t i = names.size(); i-- > 0;) body = loop(names[i], Expr(weight.axes[i]), LoopKind::unrolled, body);
      return loop(b, Expr(columns / weight.block), LoopKind::serial, body);
    });
  };
  return op;
}

}  // namespace hearth::op_set
