// attention: softmax(q k^T scale) v over the positions a token sees, read from pages:
// (q f32 [tokens, heads, D], keys, values, i32 positions [tokens], i32 seq [tokens], i32 page_table [seqs, table]
//  [, parts of attention_parts]) -> f32 [tokens, heads, D].
// Attributes: kv_heads, scale, window (0: all positions up to its own).
//
// Without parts, or in steps that have none, a tile of neighbouring tokens walks over its positions (attention_walk.h). Where
// attention_parts has run, its results are merged: the same numbers in the same order.
#include "base/set.h"
#include "ops/attention_walk.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, attention)

namespace hearth::op_set {
namespace {

const Type kF32{DType::f32, 1};

Stmt finish(Emit& emit, const AttentionShape& s, const Rows& rows, Expr kv, const Sums& sums) {
  const std::string t = emit.fresh("t"), g = emit.fresh("g"), d = emit.fresh("d"), inverse = emit.fresh("inverse");
  const Expr row = var(t) * Expr(s.group) + var(g);
  // Which zero a sum of zeros is may depend on who walked along; plus zero it is +0.
  const Expr value = load(sums.sum, row * Expr(s.size) + var(d)) * var(inverse, kF32) + constant(kF32, 0);
  const Index at{rows.first + var(t), kv * Expr(s.group) + var(g), var(d)};
  const Stmt elements = loop(d, Expr(s.size), LoopKind::vector, emit.finish(at, value));
  const Stmt heads = loop(g, Expr(s.group), LoopKind::serial, let(inverse, constant(kF32, 1) / load(sums.total, row), elements));
  return loop(t, Expr(rows.tokens), LoopKind::serial, heads);
}

// The parts that hold positions low .. high, in order, then the result.
Stmt each_part(Emit& emit, const AttentionShape& s, const Rows& rows, Expr kv, const std::function<Stmt(const Expr&, const Sums&)>& body) {
  const Sums all = local_sums(emit, s, rows.tokens);
  const std::string step = emit.fresh("step");
  const Expr first = rows.low / Expr(kPart);
  const Stmt parts = loop(step, rows.high / Expr(kPart) - first + Expr(1), LoopKind::serial, body(first + var(step), all));
  return with_sums(all, block({clear(emit, s, rows.tokens, all), parts, finish(emit, s, rows, kv, all)}));
}

Stmt walk_all(Emit& emit, const Node& node, const AttentionShape& s, const Rows& rows, Expr kv) {
  return each_part(emit, s, rows, kv, [&](const Expr& part, const Sums& all) {
    const Sums sums = local_sums(emit, s, rows.tokens);
    return with_sums(sums, block({attend_part(emit, node, s, rows, kv, part, sums, Then::next_part), merge(emit, s, rows.tokens, all, places(sums))}));
  });
}

Stmt merge_parts(Emit& emit, const Node& node, const AttentionShape& s, const Rows& rows, Expr kv, const Dim& parts) {
  const Buffer buffer = emit.buffer(node.args[6], Access::read);
  return each_part(emit, s, rows, kv, [&](const Expr& part, const Sums& all) {
    return merge(emit, s, 1, all, part_places(s, buffer, rows.first, kv, part, parts));
  });
}

KernelBody attention_kernel(Emit& emit, const Node& node) {
  AttentionShape s = attention_shape(emit, node);
  const Dim& tokens = emit.type(node.args[0]).shape[0];
  const Dim& table = emit.type(node.args[5]).shape[1];
  const Dim parted = node.args.size() > 6 ? is_parted(tokens, table) : Dim(0);
  const Dim tiles = ceil_div(tokens, s.tile);
  const std::string work = emit.fresh("work"), kv = emit.fresh("kv"), tile = emit.fresh("tile");
  // The last tiles see most: they go first, so that no thread starts a long one when the others are done.
  const Expr from_last = Expr(tiles) - Expr(1) - var(work) / Expr(s.kv_heads);
  Stmt body = let(tile, from_last, each_rows(emit, node, s, var(tile) * Expr(s.tile), [&](const Rows& rows) {
                    return walk_all(emit, node, s, rows, var(kv));
                  }));
  if (node.args.size() > 6) {
    s.tile = 1;
    const Stmt merged = each_rows(emit, node, s, var(work) / Expr(s.kv_heads), [&](const Rows& rows) {
      return merge_parts(emit, node, s, rows, var(kv), part_count(table));
    });
    body = when(Expr(parted) == Expr(1), merged, body);
  }
  const Dim extent = (parted * tokens + (Dim(1) - parted) * tiles) * s.kv_heads;
  return {extent, loop(work, Expr(extent), LoopKind::parallel, let(kv, var(work) % Expr(s.kv_heads), body))};
}

}  // namespace

Op attention() {
  Op op;
  op.kind = OpClass::kernel;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(check_attention(node, args, args.size() == 7 ? 7 : 6));
    return args[0];
  };
  op.kernel = attention_kernel;
  return op;
}

}  // namespace hearth::op_set
