// Weight views: schemes give formulas, layouts give addresses.
#include "passes/weight_view.h"

#include "base/check.h"
#include "quant/layout.h"
#include "quant/scheme.h"

namespace hearth {
namespace {

// Plain elements: a block is one, or two that lie together.
WeightView plain_view(int together, const std::function<ReadField(const WeightView::At&)>& fields) {
  WeightView view;
  view.axes = {together};
  view.value = [=](const WeightView::At& at, int lanes) {
    CHECK(lanes == 1, "a plain weight is read one by one, not {} together", lanes);
    return cast(DType::f32, fields(at)(0, at.axes[0], lanes));
  };
  if (together == 2) view.pair = [=](const WeightView::At& at) { return fields(at)(0, Expr(0), 2); };
  return view;
}

}  // namespace

WeightView weight_view(const Node& node, Buffer bytes) {
  const std::string storage_name = node.text("storage");
  const Scheme* named = find_scheme(storage_name);
  const auto plain = dtype_of(storage_name);
  CHECK(named || plain, "no storage '{}'", storage_name);
  const int together = static_cast<int>(node.integer("together", 1));
  const Storage2D storage = named ? storage_of(*named) : storage_of(*plain, together);
  const Layout layout{static_cast<int>(node.integer("panel", 1)), static_cast<int>(node.integer("word", 4))};
  const Scheme* scheme = named && layout.rows > 1 && named->in_panels ? named->in_panels.get() : named;
  const Expr blocks(node.integer("columns") / storage.block);
  const auto fields = [=](const WeightView::At& at) {
    return read_fields(storage, layout, bytes, at.panel, at.row, at.block, blocks);
  };
  WeightView view = scheme ? WeightView{} : plain_view(together, fields);
  view.panel_rows = layout.rows;
  view.word = layout.word;
  view.block = storage.block;
  view.bytes = bytes;
  view.panel_bytes = node.integer("columns") / storage.block * storage.block_bytes * layout.rows;
  if (!scheme) return view;
  view.axes = scheme->axes;
  view.value = [=](const WeightView::At& at, int lanes) { return decode(*scheme, fields(at), at.axes, lanes); };
  if (!scheme->code) return view;
  view.code = [=](const WeightView::At& at, int lanes) { return scheme->code(fields(at), at.axes, lanes); };
  view.scale = [=](const WeightView::At& at) { return scheme->scale(fields(at), at.axes); };
  if (scheme->offset) view.offset = [=](const WeightView::At& at) { return scheme->offset(fields(at), at.axes); };
  view.code_min = scheme->code_min;
  view.code_max = scheme->code_max;
  view.zero = scheme->zero;
  return view;
}

}  // namespace hearth
