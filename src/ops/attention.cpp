// attention: softmax(q k^T scale) v over the positions a token sees, read from pages:
// (q f32 [tokens, heads, D], keys, values, i32 positions [tokens], i32 seq [tokens], i32 page_table [seqs, table])
// -> f32 [tokens, heads, D]. Attributes: kv_heads, scale, window (0: all positions up to its own).
//
// One pass over the pages with a running maximum (Milakov & Gimelshein 2018), a page of 16 scores at a time; query heads that
// share a key head go together. The order of sums depends on positions alone, so rows are independent of their neighbours.
#include "base/set.h"
#include "ops/op.h"
#include "ops/pages.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, attention)

namespace hearth::op_set {
namespace {

const Type kF32{DType::f32, 1};
constexpr int kSlots = kPageTokens;
const Type kScores{DType::f32, kSlots};
constexpr double kLowest = -1e30;        // a finite minus infinity: no NaN from inf - inf

struct Shape {
  int64_t kv_heads, group, size;         // group: query heads a key head; size: D
  double scale;
  int lanes;                             // of a row of D
};

struct Locals {
  Buffer scores, most, total, sum;       // [group*16], [group], [group], [group*D]
};

Expr q_at(Emit& emit, const Node& node, const Shape& s, const Expr& t, const Expr& kv, const Expr& g, const Expr& d) {
  return emit.read(node.args[0], {t, kv * Expr(s.group) + g, d});
}

// scores[g][slot] = q[g] . k[slot], for the 16 positions of a page; `dots` is only ever indexed by constants: registers.
Stmt score_page(Emit& emit, const Node& node, const Shape& s, const Locals& l, Expr t, Expr kv, Expr page) {
  const Buffer keys = emit.buffer(node.args[1], Access::read);
  const Buffer dots = local_buffer(emit.fresh("dots"), DType::f32, s.group * kSlots);
  const std::string chunk = emit.fresh("d"), i = emit.fresh("i"), g = emit.fresh("g"), k = emit.fresh("k");
  const int step = s.size % 8 == 0 ? 8 : 1;
  const Expr d = var(chunk) * Expr(step) + var(i);
  const Expr key = cast(kScores, load_as({keys->dtype, kSlots}, keys, key_index(page, kv, Expr(0), d, s.kv_heads, s.size)));
  const auto each_head = [&](const std::function<Stmt(const Expr&)>& body) {
    return loop(g, Expr(s.group), LoopKind::unrolled, body(var(g) * Expr(kSlots)));
  };
  const Stmt clear = each_head([&](const Expr& at) { return store(dots, at, constant(kScores, 0)); });
  const Stmt keep = each_head([&](const Expr& at) { return store(l.scores, at, load_as(kScores, dots, at)); });
  const Stmt add = each_head([&](const Expr& at) {
    const Expr q = broadcast(q_at(emit, node, s, t, kv, var(g), d), kSlots);
    return store(dots, at, fma(q, var(k, kScores), load_as(kScores, dots, at)));
  });
  const Stmt sums = loop(chunk, Expr(s.size / step), LoopKind::serial, loop(i, Expr(step), LoopKind::unrolled, let(k, key, add)));
  return alloc(dots, block({clear, sums, keep}));
}

// The running softmax of one query head over a page, and its share of the output.
Stmt weigh_page(Emit& emit, const Node& node, const Shape& s, const Locals& l, Expr kv, Expr page, Expr seen, Expr g) {
  const Buffer values = emit.buffer(node.args[2], Access::read);
  const std::string masked = emit.fresh("masked"), most = emit.fresh("most"), shrink = emit.fresh("shrink"), p = emit.fresh("p");
  const std::string chunk = emit.fresh("d"), j = emit.fresh("j");
  const Type row{DType::f32, s.lanes};
  const Expr scores = load_as(kScores, l.scores, g * Expr(kSlots));
  const Expr d = var(chunk) * Expr(s.lanes);
  const Buffer part = local_buffer(emit.fresh("part"), DType::f32, s.lanes);
  const Expr weight = broadcast(load(l.scores, g * Expr(kSlots) + var(j)), s.lanes);
  const Expr value = cast(row, load_as({values->dtype, s.lanes}, values, value_index(page, kv, var(j), d, s.kv_heads, s.size)));
  const Expr sum_index = g * Expr(s.size) + d;
  const Stmt add_values = loop(
      chunk, Expr(s.size / s.lanes), LoopKind::serial,
      alloc(part, block({store(part, Expr(0), load_as(row, l.sum, sum_index) * broadcast(var(shrink, kF32), s.lanes)),
                         loop(j, Expr(kSlots), LoopKind::unrolled,
                              store(part, Expr(0), fma(weight, value, load_as(row, part, Expr(0))))),
                         store(l.sum, sum_index, load_as(row, part, Expr(0)))})));
  const Expr total = load(l.total, g) * var(shrink, kF32) + reduce(BinaryOp::add, var(p, kScores));
  Stmt body = block({store(l.scores, g * Expr(kSlots), var(p, kScores)), store(l.total, g, total),
                     store(l.most, g, var(most, kF32)), add_values});
  const Expr raised = unary(UnaryOp::exp, var(masked, kScores) - broadcast(var(most, kF32), kSlots));
  body = let(p, select(seen, raised, constant(kScores, 0)), body);
  body = let(shrink, unary(UnaryOp::exp, load(l.most, g) - var(most, kF32)), body);
  body = let(most, max(load(l.most, g), reduce(BinaryOp::max, var(masked, kScores))), body);
  return let(masked, select(seen, scores * constant(kScores, s.scale), constant(kScores, kLowest)), body);
}

Stmt start(Emit& emit, const Shape& s, const Locals& l) {
  const std::string g = emit.fresh("g"), d = emit.fresh("d");
  const Type row{DType::f32, s.lanes};
  return block({loop(g, Expr(s.group), LoopKind::serial,
                     block({store(l.most, var(g), constant(kF32, kLowest)), store(l.total, var(g), constant(kF32, 0))})),
                loop(d, Expr(s.group * s.size / s.lanes), LoopKind::serial,
                     store(l.sum, var(d) * Expr(s.lanes), constant(row, 0)))});
}

Stmt finish_heads(Emit& emit, const Shape& s, const Locals& l, Expr t, Expr kv) {
  const std::string g = emit.fresh("g"), d = emit.fresh("d"), inverse = emit.fresh("inverse");
  const Expr value = load(l.sum, var(g) * Expr(s.size) + var(d)) * var(inverse, kF32);
  const Stmt row = loop(d, Expr(s.size), LoopKind::vector, emit.finish({t, kv * Expr(s.group) + var(g), var(d)}, value));
  return loop(g, Expr(s.group), LoopKind::serial, let(inverse, constant(kF32, 1) / load(l.total, var(g)), row));
}

// Pages first .. last of the positions in view, one after the other.
Stmt all_pages(Emit& emit, const Node& node, const Shape& s, const Locals& l, Expr t, Expr kv) {
  const std::string position = emit.fresh("position"), first = emit.fresh("first"), step = emit.fresh("step");
  const std::string page = emit.fresh("page"), seen = emit.fresh("seen"), g = emit.fresh("g");
  const int64_t window = node.integer("window");
  const Expr start_at = window > 0 ? max(var(position) - Expr(window - 1), Expr(0)) : Expr(0);
  const Expr number = var(first) / Expr(kSlots) + var(step);
  const Expr slots = ramp(number * Expr(kSlots), Expr(1), kSlots);
  const Expr in_view = binary(BinaryOp::logical_and, broadcast(var(first), kSlots) <= slots,
                              slots <= broadcast(var(position), kSlots));
  const Expr sequence = cast(kIndex, emit.read(node.args[4], {t}));
  const Stmt heads = loop(g, Expr(s.group), LoopKind::serial,
                          weigh_page(emit, node, s, l, kv, var(page), var(seen, {DType::boolean, kSlots}), var(g)));
  const Stmt one = let(page, cast(kIndex, emit.read(node.args[5], {sequence, number})),
                       let(seen, in_view, block({score_page(emit, node, s, l, t, kv, var(page)), heads})));
  const Expr count = var(position) / Expr(kSlots) - var(first) / Expr(kSlots) + Expr(1);
  return let(position, cast(kIndex, emit.read(node.args[3], {t})),
             let(first, start_at, loop(step, count, LoopKind::serial, one)));
}

KernelBody attention_kernel(Emit& emit, const Node& node) {
  const TensorType& q = emit.type(node.args[0]);
  const int64_t kv_heads = node.integer("kv_heads");
  const Shape s{kv_heads, q.shape[1].value() / kv_heads, q.shape[2].value(), node.real("scale"), lanes_dividing(q.shape[2], 16)};
  const Locals l{local_buffer(emit.fresh("scores"), DType::f32, s.group * kSlots),
                 local_buffer(emit.fresh("most"), DType::f32, s.group), local_buffer(emit.fresh("total"), DType::f32, s.group),
                 local_buffer(emit.fresh("sum"), DType::f32, s.group * s.size)};
  const std::string work = emit.fresh("work"), t = emit.fresh("t"), kv = emit.fresh("kv");
  Stmt body = block({start(emit, s, l), all_pages(emit, node, s, l, var(t), var(kv)), finish_heads(emit, s, l, var(t), var(kv))});
  for (const Buffer& buffer : {l.scores, l.most, l.total, l.sum}) body = alloc(buffer, body);
  body = let(t, var(work) / Expr(kv_heads), let(kv, var(work) % Expr(kv_heads), body));
  const Dim extent = q.shape[0] * kv_heads;
  return {extent, loop(work, Expr(extent), LoopKind::parallel, body)};
}

}  // namespace

Op attention() {
  Op op;
  op.kind = OpClass::kernel;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(want_operands(node, args, 6));
    TRY_DONE(want_axes(node, args, 0, 3));
    for (int i : {3, 4}) TRY_DONE(want_axes(node, args, i, 1));
    TRY_DONE(want_axes(node, args, 5, 2));
    const int64_t kv_heads = node.integer("kv_heads");
    const Dim& heads = args[0].shape[1];
    if (kv_heads <= 0 || !heads.is_constant() || heads.value() % kv_heads != 0)
      return wrong_operand(node, 0, args[0], fmt::format("heads that divide by {} key heads", kv_heads));
    return args[0];
  };
  op.kernel = attention_kernel;
  return op;
}

}  // namespace hearth::op_set
