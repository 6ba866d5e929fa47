// attention_parts: attention's first half where few tokens see many positions: the softmax of each part of 512 positions, apart:
// (q, keys, values, positions, seq, page_table, as for attention) -> f32 [tokens (at most 8), kv_heads, parts, group * (D + 2)].
// Steps of more tokens, or of short sequences, skip it: attention does all itself.
#include "base/set.h"
#include "ops/attention_walk.h"
#include "ops/op.h"
#include "ops/shapes.h"

HEARTH_SET_MEMBER(op, attention_parts)

namespace hearth::op_set {
namespace {

// Keeps each token's sums in its place.
Stmt keep(Emit& emit, const AttentionShape& s, const Rows& rows, const Sums& sums, Expr kv, Expr part, const Dim& parts) {
  const Buffer result = emit.result();
  std::vector<Stmt> stores;
  const auto copy = [&](const Buffer& from, const Expr& at, const Place& to, int64_t count) {
    const std::string i = emit.fresh("i");
    stores.push_back(loop(i, Expr(count), LoopKind::vector, store(to.buffer, to.at + var(i), load(from, at + var(i)))));
  };
  for (int t = 0; t < rows.tokens; ++t) {
    const SumsAt to = part_places(s, result, rows.first + Expr(t), kv, part, parts);
    copy(sums.sum, Expr(t * s.group * s.size), to.sum, s.group * s.size);
    copy(sums.most, Expr(t * s.group), to.most, s.group);
    copy(sums.total, Expr(t * s.group), to.total, s.group);
  }
  return block(stores);
}

KernelBody parts_kernel(Emit& emit, const Node& node) {
  const AttentionShape s = attention_shape(emit, node);
  const Dim& tokens = emit.type(node.args[0]).shape[0];
  const Dim& table = emit.type(node.args[5]).shape[1];
  const Dim parts = part_count(table), tiles = ceil_div(tokens, s.tile);
  const std::string work = emit.fresh("work"), kv = emit.fresh("kv"), part = emit.fresh("part"), tile = emit.fresh("tile");
  Stmt body = each_rows(emit, node, s, var(tile) * Expr(s.tile), [&](const Rows& rows) {
    const Sums sums = local_sums(emit, s, rows.tokens);
    const Stmt attend = block({attend_part(emit, node, s, rows, var(kv), var(part), sums, Then::next_head),
                               keep(emit, s, rows, sums, var(kv), var(part), parts)});
    const Expr begins = var(part) * Expr(kPart) <= rows.high;
    const Expr ends = rows.low <= var(part) * Expr(kPart) + Expr(kPart - 1);
    return when(binary(BinaryOp::logical_and, begins, ends), with_sums(sums, attend));
  });
  // Heads of one part are neighbours in memory, so they are neighbours in the work.
  body = let(kv, var(work) % Expr(s.kv_heads), let(part, var(work) / Expr(s.kv_heads) % Expr(parts),
                                                   let(tile, var(work) / (Expr(s.kv_heads) * Expr(parts)), body)));
  const Dim extent = is_parted(tokens, table) * tiles * parts * s.kv_heads;
  return {extent, loop(work, Expr(extent), LoopKind::parallel, body)};
}

}  // namespace

Op attention_parts() {
  Op op;
  op.kind = OpClass::kernel;
  op.shape = [](const Node& node, std::span<const TensorType> args) -> Result<TensorType> {
    TRY_DONE(check_attention(node, args, 6));
    const int64_t kv_heads = node.integer("kv_heads"), group = args[0].shape[1].value() / kv_heads;
    const Dim& size = args[0].shape[2];
    return TensorType{DType::f32, {min(args[0].shape[0], Dim(kFewTokens)), kv_heads, part_count(args[5].shape[1]), (size + Dim(2)) * group}};
  };
  op.kernel = parts_kernel;
  return op;
}

}  // namespace hearth::op_set
