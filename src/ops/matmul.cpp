// matmul: x times the transpose of w, in float32: (f32 [rows, K], w [columns, K]) -> f32 [rows, columns].
//
// Of rows rounded by round_rows and weights of bf16 in pairs (bf16 [rows, rounded_row_elements(K)]) it is a sum of dot2.
// Products are added in an order of k alone, one fma each, so a row's result never depends on the other rows.
#include "base/check.h"
#include "base/set.h"
#include "ops/contraction.h"
#include "ops/rounded_rows.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, matmul)

namespace hearth::op_set {
namespace {

// The loop nest over a block's axes; small ones unrolled so that formulas see constants.
Stmt over_axes(Emit& emit, const std::vector<int>& axes, const std::function<Stmt(const Index&, const Expr&)>& body) {
  Index at;
  std::vector<std::string> names;
  Expr k(0);
  for (int size : axes) {
    names.push_back(emit.fresh("a"));
    at.push_back(var(names.back()));
    k = k * Expr(size) + at.back();
  }
  Stmt nest = body(at, k);
  for (size_t i = axes.size(); i-- > 0;)
    nest = loop(names[i], Expr(axes[i]), axes[i] <= 32 ? LoopKind::unrolled : LoopKind::serial, nest);
  return nest;
}

// Adds the products of a block of plain weights at column `k` to parts[0] and parts[1], even and odd k where those are two.
// bf16 in pairs are one word a row: the even one by a shift, the odd one by a mask.
std::vector<Stmt> plain_block(Emit& emit, const Node& node, const WeightView& weight, const WeightView::At& at, const Expr& t,
                              const Expr& k, const std::vector<Expr>& parts, const Buffer& part) {
  const Type f32{DType::f32, 1}, word{DType::u32, 1};
  const std::string w = emit.fresh("w");
  const auto add = [&](int i, const Expr& value) {
    const Expr& to = parts[static_cast<size_t>(i)];
    return store(part, to, fma(emit.read(node.args[0], {t, k + Expr(i)}), value, load(part, to)));
  };
  if (!weight.pair) return {let(w, weight.value(at, 1), add(0, var(w, f32)))};
  const Expr pair = var(w, word);
  return {let(w, bitcast(word, weight.pair(at)),
              block({add(0, bitcast(f32, pair << constant_int(word, 16))),
                     add(1, bitcast(f32, pair & constant_int(word, 0xffff0000)))}))};
}

// The two products of a pair and of rounded rows.
Stmt pair_dot(Emit& emit, const Node& node, const WeightView& weight, const WeightView::At& at, const Expr& t, const Expr& k,
              const Expr& part_at, const Buffer& part) {
  const Type pair{DType::bf16, 2};
  const std::string w = emit.fresh("w");
  const Expr row = t * Expr(emit.type(node.args[0]).shape[1]) + k;
  const Expr x = load_as(pair, emit.buffer(node.args[0], Access::read), row);
  const Expr value = weight.pair ? weight.pair(at) : Expr();
  CHECK(value, "rounded rows meet weights that are no pairs of bf16");
  return let(w, value, store(part, part_at, dot2(load(part, part_at), var(w, pair), x)));
}

// Plain weights have blocks of one element or two: eight at a time keep the loop's own cost small. Even and odd k (of pairs: even
// and odd pairs) are summed apart, so that one row alone does not wait for each fma.
Stmt plain_products(Emit& emit, const Node& node, const WeightView& weight, const ContractionAt& at, int64_t count) {
  const int step = count % 8 == 0 ? 8 : weight.block, sums = count % 8 == 0 ? 2 : 1;
  const bool rounded = emit.type(node.args[0]).dtype == DType::bf16;
  const Buffer part = local_buffer(emit.fresh("part"), DType::f32, sums);
  const std::string outer = emit.fresh("k");
  std::vector<Stmt> clear, adds;
  for (int i = 0; i < sums; ++i) clear.push_back(store(part, Expr(i), constant({DType::f32, 1}, 0)));
  for (int i = 0; i < step; i += weight.block) {
    const Expr k = var(outer) * Expr(step) + Expr(i);
    const WeightView::At place{at.panel, at.lane, var(outer) * Expr(step / weight.block) + Expr(i / weight.block), {Expr(0)}};
    if (rounded) {
      adds.push_back(pair_dot(emit, node, weight, place, at.t, k, Expr(i / 2 % sums), part));
      continue;
    }
    const std::vector<Expr> parts = {Expr(i % sums), Expr((i + 1) % sums)};
    for (const Stmt& added : plain_block(emit, node, weight, place, at.t, k, parts, part)) adds.push_back(added);
  }
  const Expr whole = sums > 1 ? load(part, Expr(0)) + load(part, Expr(1)) : load(part, Expr(0));
  clear.push_back(loop(outer, Expr(count / step), LoopKind::serial, block(adds)));
  clear.push_back(store(at.sum, Expr(0), whole));
  return alloc(part, block(clear));
}

}  // namespace

Op matmul() {
  Op op;
  op.kind = OpClass::contraction;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 2));
    TRY_DONE(want_axes(node, args, 0, 2));
    TRY_DONE(want_axes(node, args, 1, 2));
    const bool rounded = args[0].dtype == DType::bf16 && args[1].shape[1].is_constant();
    const Dim width = rounded ? Dim(rounded_row_elements(args[1].shape[1].value())) : args[1].shape[1];
    if (!(args[0].shape[1] == width)) return wrong_operand(node, 1, args[1], "rows as long as those of " + print(args[0]));
    return TensorType{DType::f32, {args[0].shape[0], args[1].shape[0]}};
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const WeightView weight = emit.weight(node.args[1]);
    const int64_t columns = emit.type(node.args[1]).shape[1].value();
    return contraction(emit, emit.type_of(node), weight, [&](const ContractionAt& at) -> Stmt {
      if (weight.block == 1 || weight.pair) return plain_products(emit, node, weight, at, columns);
      const std::string b = emit.fresh("b"), w = emit.fresh("w");
      return loop(b, Expr(columns / weight.block), LoopKind::serial,
                  over_axes(emit, weight.axes, [&](const Index& axes, const Expr& k) {
                    const Expr x = emit.read(node.args[0], {at.t, var(b) * Expr(weight.block) + k});
                    const Expr sum = fma(x, var(w, {DType::f32, 1}), load(at.sum, Expr(0)));
                    return let(w, weight.value({at.panel, at.lane, var(b), axes}, 1), store(at.sum, Expr(0), sum));
                  }));
    });
  };
  return op;
}

}  // namespace hearth::op_set
