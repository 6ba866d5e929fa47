// lora_down: rows of x times the first matrix of each row's adapter:
// (f32 [tokens, K], state f32 [adapters * rank * K], i32 adapter [tokens]) -> f32 [tokens, rank]; attribute rank (text
// of a size).
//
// Rows without an adapter (-1) are left undefined: lora_up does not read them. The order of a sum depends on K alone.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, lora_down)

namespace hearth::op_set {
namespace {

constexpr int64_t kTogether = 4;  // rows of the matrix that share one reading of x
constexpr Type kF32{DType::f32, 1};

// Sums of kTogether rows of the matrix side by side, `lanes` each. The last group overlaps the one before it where the
// rank is no multiple: those sums are computed twice, alike.
Stmt dot_rows(Emit& emit, const Node& node, const Expr& t, const Expr& adapter, const Expr& group) {
  const TensorType& type = emit.type(node.args[0]);
  const int lanes = lanes_dividing(type.shape[1], 16);
  const int64_t columns = type.shape[1].value();
  const Buffer down = emit.buffer(node.args[1], Access::read), result = emit.result();
  const Buffer sum = local_buffer(emit.fresh("sum"), DType::f32, kTogether * lanes);
  const Expr rank(node.type.shape[1]);
  const std::string zero = emit.fresh("zero"), chunk = emit.fresh("chunk"), lane = emit.fresh("lane"),
                    x = emit.fresh("x");
  std::vector<Stmt> adds, keep;
  const Expr column = var(chunk) * Expr(lanes) + var(lane);
  std::vector<std::string> bases;
  for (int64_t i = 0; i < kTogether; ++i) {
    bases.push_back(emit.fresh("row"));
    const Expr at = Expr(i * lanes) + var(lane), weight = load(down, var(bases.back()) + column);
    adds.push_back(store(sum, at, fma(weight, var(x, kF32), load(sum, at))));
    const Expr total = reduce(BinaryOp::add, load_as({DType::f32, lanes}, sum, Expr(i * lanes)));
    keep.push_back(store(result, t * rank + min(group * Expr(kTogether) + Expr(i), rank - Expr(1)), total));
  }
  const Stmt add = let(x, emit.read(node.args[0], {t, column}), block(adds));
  std::vector<Stmt> steps = {
      loop(zero, Expr(kTogether * lanes), LoopKind::vector, store(sum, var(zero), constant(kF32, 0))),
      loop(chunk, Expr(columns / lanes), LoopKind::serial, loop(lane, Expr(lanes), LoopKind::vector, add))};
  steps.insert(steps.end(), keep.begin(), keep.end());
  Stmt body = alloc(sum, block(steps));
  for (int64_t i = kTogether; i-- > 0;) {
    const Expr row = min(group * Expr(kTogether) + Expr(i), rank - Expr(1));
    body = let(bases[static_cast<size_t>(i)], (adapter * rank + row) * Expr(columns), body);
  }
  return body;
}

}  // namespace

Op lora_down() {
  Op op;
  op.kind = OpClass::kernel;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 3));
    TRY_DONE(want_axes(node, args, 0, 2));
    if (!args[0].shape[1].is_constant()) return wrong_operand(node, 0, args[0], "rows of a constant size");
    if (args[1].dtype != DType::f32) return wrong_operand(node, 1, args[1], "f32");
    if (args[2].dtype != DType::i32 || args[2].shape != std::vector<Dim>{args[0].shape[0]})
      return wrong_operand(node, 2, args[2], fmt::format("i32 [{}]", args[0].shape[0].text()));
    TRY(const Dim rank, parse_dim(node.text("rank")));
    return TensorType{DType::f32, {args[0].shape[0], rank}};
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const std::string group = emit.fresh("group"), t = emit.fresh("t"), adapter = emit.fresh("adapter");
    const Stmt row = when(Expr(0) <= var(adapter), dot_rows(emit, node, var(t), var(adapter), var(group)));
    const Stmt rows = loop(t, Expr(node.type.shape[0]), LoopKind::serial,
                           let(adapter, cast(kIndex, emit.read(node.args[2], {var(t)})), row));
    const Dim groups = ceil_div(node.type.shape[1], kTogether);
    return KernelBody{groups, loop(group, Expr(groups), LoopKind::parallel, rows)};
  };
  return op;
}

}  // namespace hearth::op_set
