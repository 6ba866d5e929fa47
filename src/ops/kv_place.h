// Where the keys or values of a token go; what the ops that write them share.
#pragma once

#include "ops/op.h"
#include "ops/pages.h"
#include "ops/shapes.h"

namespace hearth {

struct KvPlace {
  KvPages pages;
  Expr page, slot;
};

inline KvPlace kv_place(Emit& emit, const Node& node, const Expr& token) {
  const TensorType& x = emit.type(node.args[1]);
  const KvPart part = node.text("part") == "key" ? KvPart::key : KvPart::value;
  const Expr position = cast(kIndex, emit.read(node.args[2], {token}));
  const Expr sequence = cast(kIndex, emit.read(node.args[3], {token}));
  const Expr page = cast(kIndex, emit.read(node.args[4], {sequence, position / Expr(kPageTokens)}));
  return {{part, emit.type(node.args[0]).dtype, x.shape[1].value(), x.shape[2].value()}, page, position % Expr(kPageTokens)};
}

inline Result<Done> check_kv_write(const Node& node, std::span<const TensorType> args) {
  TRY_DONE(want_operands(node, args, 5));
  for (const auto& [operand, axes] : {std::pair{0, 1}, {1, 3}, {2, 1}, {3, 1}, {4, 2}})
    TRY_DONE(want_axes(node, args, operand, static_cast<size_t>(axes)));
  if (node.text("part") != "key" && node.text("part") != "value")
    return error("{}: got part '{}', want 'key' or 'value'", node.op, node.text("part"));
  return Done{};
}

}  // namespace hearth
