// integer_dot: matmul(x, decode(w)) with decode affine per group -> matmul_int(quantize_rows(x), decode(w)).
//
// Derived from the scheme's formulas: any scheme whose codes are bytes and whose groups fit the activations' groups gains it.
#include "ops/quantized_rows.h"
#include "passes/pass.h"
#include "quant/scheme.h"

namespace hearth {
namespace {

bool fits(const Scheme& scheme, int64_t columns) {
  const bool group_fits = scheme.group() == kRowGroup || scheme.group() * 2 == kRowGroup;
  // Sums are of one kind: codes that need a zero point (or a bias, being signed) leave no room for an offset.
  const bool one_sum = !scheme.offset || (scheme.zero == 0 && scheme.code_min >= 0);
  return scheme.code && scheme.scale && group_fits && one_sum && columns % kRowGroup == 0;
}

}  // namespace

Graph integer_dot(const Graph& graph, const Target& target) {
  return rewrite_graph(graph, [&](Graph& into, const Node& node, Value) {
    if (node.op != "matmul" || into[node.args[1]].op != "decode") return append(into, node);
    const Scheme* scheme = find_scheme(into[node.args[1]].text("storage"));
    const TensorType x = into.type(node.args[0]);
    const int64_t columns = into[node.args[1]].integer("columns");
    if (!scheme || !fits(*scheme, columns)) return append(into, node);
    const QuantizedRow layout{columns, scheme->group(), scheme->offset ? SumOf::values : SumOf::codes};
    Attrs attrs{{"sum_group", layout.sum_group}, {"sum_values", int64_t{layout.sum_of == SumOf::values}}};
    if (target.byte_tiles) attrs["together"] = int64_t{2};
    const Value rows = append(into, Node{"quantize_rows", {node.args[0]}, attrs, {DType::u8, {x.shape[0], layout.bytes()}}});
    return append(into, Node{"matmul_int", {rows, node.args[1]}, attrs, node.type});
  });
}

}  // namespace hearth
