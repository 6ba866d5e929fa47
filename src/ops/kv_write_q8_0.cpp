// kv_write_q8_0: kv_write into a state of int8 codes and f16 scales (pages.h); same operands and attributes.
//
// Of each group of up to 32 neighbours x: scale = f16(max |x| / 127), code = round(x / scale), so x is within scale / 2 of
// scale * code: at most 0.4 % of the group's largest. No infinity and no NaN is ever stored.
#include "base/set.h"
#include "ops/kv_place.h"
#include "ops/op.h"

HEARTH_SET_MEMBER(op, kv_write_q8_0)

namespace hearth::op_set {
namespace {

const Type kF32{DType::f32, 1};

// Codes and scale of the group that begins at element d, whose numbers lie in `numbers`.
Stmt write_group(Emit& emit, const KvPlace& place, const Buffer& state, Expr head, Expr d, const Buffer& numbers) {
  const int lanes = static_cast<int>(place.pages.group());
  const Type all{DType::f32, lanes};
  const Buffer codes = local_buffer(emit.fresh("codes"), DType::i8, lanes);
  const std::string peak = emit.fresh("peak"), scale = emit.fresh("scale"), inverse = emit.fresh("inverse"), i = emit.fresh("i");
  const Expr x = load_as(all, numbers, Expr(0)) * broadcast(var(inverse, kF32), lanes);
  const Expr whole = unary(UnaryOp::round_even, max(min(x, constant(all, 127)), constant(all, -127)));
  const Stmt make = store(codes, Expr(0), cast(Type{DType::i8, lanes}, cast(Type{DType::i32, lanes}, whole)));
  const Stmt spread = loop(i, Expr(lanes), LoopKind::unrolled,
                           store(state, place.pages.index(place.page, head, place.slot, d + var(i)), load(codes, var(i))));
  const Expr half = var(scale, {DType::f16, 1});
  const Stmt keep = store(state, place.pages.scale_index(place.page, head, place.slot, d), half);
  Stmt body = alloc(codes, block({make, spread, keep}));
  const Expr wide = cast(DType::f32, half);
  body = let(inverse, select(constant(kF32, 0) < wide, constant(kF32, 1) / wide, constant(kF32, 0)), body);
  body = let(scale, cast(DType::f16, min(var(peak, kF32) / constant(kF32, 127), constant(kF32, 65504))), body);
  return let(peak, reduce(BinaryOp::max, unary(UnaryOp::abs, load_as(all, numbers, Expr(0)))), body);
}

}  // namespace

Op kv_write_q8_0() {
  Op op;
  op.kind = OpClass::effect;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(check_kv_write(node, args));
    if (args[0].dtype != DType::u8) return error("kv_write_q8_0: got a state of {}, want u8", name_of(args[0].dtype));
    const Dim& size = args[1].shape[2];
    if (!size.is_constant() || size.value() % 2 != 0) return wrong_operand(node, 1, args[1], "an even number of columns");
    return args[0];
  };
  op.row = [](Emit& emit, const Node& node, const Index& row) {
    const KvPlace place = kv_place(emit, node, row[0]);
    const Buffer state = emit.buffer(node.args[0], Access::read_write);
    const int64_t size = place.pages.group();
    const Buffer numbers = local_buffer(emit.fresh("numbers"), DType::f32, size);
    const std::string group = emit.fresh("group"), i = emit.fresh("i");
    const Expr d = var(group) * Expr(size);
    const Stmt gather = loop(i, Expr(size), LoopKind::vector,
                             store(numbers, var(i), emit.read(node.args[1], {row[0], row[1], d + var(i)})));
    const Stmt body = block({gather, write_group(emit, place, state, row[1], d, numbers)});
    return loop(group, Expr(place.pages.size / size), LoopKind::serial, alloc(numbers, body));
  };
  return op;
}

}  // namespace hearth::op_set
