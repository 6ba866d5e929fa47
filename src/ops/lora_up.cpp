// lora_up: y plus the second matrix of each row's adapter times what lora_down made of the row:
// (f32 y [tokens, columns], f32 [tokens, rank], state f32 [adapters * columns * rank], i32 adapter [tokens]) -> f32
// [tokens, columns].
//
// Rows without an adapter (-1) are y as it is. A sum is made of 16 lanes, lane i of the products i, i + 16, ..., and
// zeros after the last: adapters of smaller rank, padded with zeros, sum to what they would alone.
#include "base/set.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, lora_up)

namespace hearth::op_set {
namespace {

constexpr int kLanes = 16;
constexpr Type kF32{DType::f32, 1}, kWide{DType::f32, kLanes};

// out[at] = the dot product of `rank` numbers from `first` of the matrix and from `row` of the narrow rows.
Stmt dot(Emit& emit, const Buffer& up, const Expr& first, const Buffer& narrow, const Expr& row, const Expr& rank,
         const Buffer& out, const Expr& at) {
  const Buffer sum = local_buffer(emit.fresh("sum"), DType::f32, kLanes);
  const std::string chunk = emit.fresh("chunk"), place = emit.fresh("place");
  const auto add = [&](const Expr& from, const Expr& mask) {
    const Expr weights = load_as(kWide, up, first + from, mask), numbers = load_as(kWide, narrow, row + from, mask);
    return store(sum, Expr(0), fma(weights, numbers, load_as(kWide, sum, Expr(0))));
  };
  const Expr whole = rank / Expr(kLanes) * Expr(kLanes);
  const Expr inside = ramp(var(place), Expr(1), kLanes) < broadcast(rank, kLanes);
  return alloc(sum, block({store(sum, Expr(0), broadcast(constant(kF32, 0), kLanes)),
                           loop(chunk, rank / Expr(kLanes), LoopKind::serial, add(var(chunk) * Expr(kLanes), {})),
                           when(whole < rank, let(place, whole, add(var(place), inside))),
                           store(out, at, reduce(BinaryOp::add, load_as(kWide, sum, Expr(0))))}));
}

}  // namespace

Op lora_up() {
  Op op;
  op.kind = OpClass::contraction;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 4));
    TRY_DONE(want_axes(node, args, 0, 2));
    TRY_DONE(want_axes(node, args, 1, 2));
    if (!args[0].shape[1].is_constant()) return wrong_operand(node, 0, args[0], "rows of a constant size");
    if (args[2].dtype != DType::f32) return wrong_operand(node, 2, args[2], "f32");
    if (args[3].dtype != DType::i32 || args[3].shape != std::vector<Dim>{args[0].shape[0]})
      return wrong_operand(node, 3, args[3], fmt::format("i32 [{}]", args[0].shape[0].text()));
    return args[0];
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const Dim tokens = node.type.shape[0], columns = node.type.shape[1];
    const Expr rank(emit.type(node.args[1]).shape[1]);
    const int64_t width = lanes_dividing(columns, 64);
    const Buffer narrow = emit.buffer(node.args[1], Access::read), up = emit.buffer(node.args[2], Access::read);
    const Buffer sums = local_buffer(emit.fresh("sums"), DType::f32, width);
    const std::string panel = emit.fresh("panel"), t = emit.fresh("t"), adapter = emit.fresh("adapter"),
                      c = emit.fresh("c");
    const auto finish = [&](bool adapted) {
      const std::string lane = emit.fresh("lane");
      const Expr column = var(panel) * Expr(width) + var(lane), y = emit.read(node.args[0], {var(t), column});
      return loop(lane, Expr(width), LoopKind::vector,
                  emit.finish({var(t), column}, adapted ? y + load(sums, var(lane)) : y));
    };
    const Expr first = (var(adapter) * Expr(columns) + var(panel) * Expr(width) + var(c)) * rank;
    const Stmt products =
        loop(c, Expr(width), LoopKind::serial, dot(emit, up, first, narrow, var(t) * rank, rank, sums, var(c)));
    Stmt body = when(var(adapter) < Expr(0), finish(false), alloc(sums, block({products, finish(true)})));
    body = let(adapter, cast(kIndex, emit.read(node.args[3], {var(t)})), body);
    const Dim panels = columns / width;
    return KernelBody{panels,
                      loop(panel, Expr(panels), LoopKind::parallel, loop(t, Expr(tokens), LoopKind::serial, body))};
  };
  return op;
}

}  // namespace hearth::op_set
