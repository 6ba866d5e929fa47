// matmul_i16: matmul in 14-bit integers with weights of bf16 in pairs: (u8 [rows, RowI16::bytes], w [columns, K]) ->
// f32 [rows, columns].
//
// The weights of a group of 32 become codes times a power of two, so that the largest of them has all its bits and
// those up to 32 times smaller too: code = round_even(w * 2^(12 - e)), e the exponent of the largest. A group's
// products are summed exactly in i32, then sum += (2^(e - 12) * scale_x) * products, in order of k. The power of two is
// added to the exponent of scale_x: multiplications of floats take turns with the dots, additions of integers do not.
//
// For many rows the codes of a panel are made once, in a strip that fits a cache; else they are made in registers.
#include "base/check.h"
#include "base/set.h"
#include "ops/contraction.h"
#include "ops/nearest.h"
#include "ops/rows_i16.h"

HEARTH_SET_MEMBER(op, matmul_i16)

namespace hearth::op_set {
namespace {

constexpr int kPairs = kGroupI16 / 2;
constexpr int64_t kStripRows = 9;               // making codes once pays from here on
constexpr int64_t kMostStripBytes = 512 << 10;  // what a core's cache holds
const Type kF32{DType::f32, 1};
const Type kI32{DType::i32, 1};
const Type kWord{DType::u32, 1};
const Type kPair{DType::i16, 2};

Expr word(uint32_t bits) { return constant_int(kWord, bits); }

// Of 32 weights: two codes in each word, and the scale, a power of two, as what it adds to the bits of an f32.
struct Group {
  std::vector<Expr> codes;  // i16x2
  Expr scale;               // u32
};

Expr rounded(const Expr& value, const Expr& factor) { return nearest_bits(bitcast(kF32, value), factor); }

// `body` where the group's codes and scale are known. Exponents count as no less than kLeastExponentI16, so that the
// scale times that of any row is a normal number.
Stmt with_codes(Emit& emit, const WeightView& weight, const WeightView::At& first,
                const std::function<Stmt(const Group&)>& body) {
  std::vector<std::string> names;
  std::vector<Expr> values, words;
  Expr most;
  for (int i = 0; i < kPairs; ++i) {
    WeightView::At at = first;
    at.block = first.block + Expr(i);
    names.push_back(emit.fresh("w"));
    values.push_back(bitcast(kWord, weight.pair(at)));
    words.push_back(var(names.back(), kWord));
    const Expr size = bitcast({DType::u16, 2}, words.back() & word(0x7fff7fff));
    most = i == 0 ? size : binary(BinaryOp::max, most, size);
  }
  const std::string most_name = emit.fresh("most"), exponent_name = emit.fresh("exponent"),
                    factor_name = emit.fresh("factor");
  const Expr both = var(most_name, kWord), exponent = var(exponent_name, kWord), factor = var(factor_name, kF32);
  const Expr larger = binary(BinaryOp::max, both >> word(16), both & word(0xffff));
  Group group{{}, (exponent - word(127 + 12)) << word(23)};
  for (const Expr& pair : words) {
    const Expr even = rounded(pair << word(16), factor), odd = rounded(pair & word(0xffff0000), factor);
    group.codes.push_back(bitcast(kPair, (even & word(0xffff)) | (odd << word(16))));
  }
  Stmt result = let(factor_name, bitcast(kF32, (word(266) - exponent) << word(23)), body(group));
  result = let(exponent_name, binary(BinaryOp::max, larger >> word(7), word(kLeastExponentI16)), result);
  result = let(most_name, bitcast(kWord, most), result);
  for (size_t i = names.size(); i-- > 0;) result = let(names[i], values[i], result);
  return result;
}

// Adds a group's products. Each has a name, so that rows side by side take turns: one waits for the one before it.
Stmt group_products(Emit& emit, Buffer x, const RowI16& layout, const Group& group, const Expr& number,
                    const ContractionAt& into) {
  std::vector<std::pair<std::string, Expr>> steps;
  const auto named = [&](const char* name, const Expr& value) {
    steps.emplace_back(emit.fresh(name), value);
    return var(steps.back().first, value->type);
  };
  Expr products = constant_int(kI32, 0);
  for (int i = 0; i < kPairs; ++i) {
    const Expr code = named("c", group.codes[static_cast<size_t>(i)]);
    const Expr row = load_as(kPair, x, layout.code_index(into.t, number * Expr(kGroupI16) + Expr(2 * i)));
    products = named("products", dot2(products, code, row));
  }
  const Expr both = named("scale", group.scale) + load_as(kWord, x, layout.scale_index(into.t, number));
  Stmt result = store(into.sum, Expr(0), fma(cast(kF32, products), bitcast(kF32, both), load(into.sum, Expr(0))));
  for (size_t i = steps.size(); i-- > 0;) result = let(steps[i].first, steps[i].second, result);
  return result;
}

WeightView::At group_at(const ContractionAt& at, const Expr& number) {
  return {at.panel, at.lane, number * Expr(kPairs), {Expr(0)}};
}

Stmt direct_products(Emit& emit, const WeightView& weight, Buffer x, const RowI16& layout, const ContractionAt& at) {
  const std::string g = emit.fresh("g");
  const Stmt body = with_codes(emit, weight, group_at(at, var(g)),
                               [&](const Group& group) { return group_products(emit, x, layout, group, var(g), at); });
  return loop(g, Expr(layout.columns / kGroupI16), LoopKind::serial, body);
}

ManyRows by_strip(Emit& emit, const WeightView& weight, Buffer x, const RowI16& layout) {
  const Buffer codes = local_buffer(emit.fresh("codes"), DType::u32, layout.columns / 2);
  const Buffer scales = local_buffer(emit.fresh("scales"), DType::u32, layout.columns / kGroupI16);
  const Expr groups(layout.columns / kGroupI16);
  ManyRows many{.at_least = kStripRows};
  many.around = [=, &emit, &weight](const ContractionAt& at, Stmt rows) {
    const std::string g = emit.fresh("g");
    const Stmt fill = with_codes(emit, weight, group_at(at, var(g)), [&](const Group& group) {
      std::vector<Stmt> steps{ask_for_soon(weight, at, var(g), layout.columns / kGroupI16), store(scales, var(g), group.scale)};
      for (int i = 0; i < kPairs; ++i)
        steps.push_back(
            store(codes, var(g) * Expr(kPairs) + Expr(i), bitcast(kWord, group.codes[static_cast<size_t>(i)])));
      return block(steps);
    });
    return alloc(codes, alloc(scales, block({loop(g, groups, LoopKind::serial, fill), rows})));
  };
  many.products = [=, &emit, &weight](const ContractionAt& at) {
    const std::string g = emit.fresh("g");
    Group group{{}, load(scales, var(g))};
    for (int i = 0; i < kPairs; ++i)
      group.codes.push_back(bitcast(kPair, load(codes, var(g) * Expr(kPairs) + Expr(i))));
    return loop(g, groups, LoopKind::serial,
                block({ask_for_next_panel(weight, at, var(g), layout.columns / kGroupI16),
                       group_products(emit, x, layout, group, var(g), at)}));
  };
  return many;
}

}  // namespace

Op matmul_i16() {
  Op op;
  op.kind = OpClass::contraction;
  op.shape = [](const Node& node, std::span<const TensorType> args) {
    return product_shape(node, args, [](int64_t columns) { return RowI16{columns}.bytes(); });
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const WeightView weight = emit.weight(node.args[1]);
    const RowI16 layout{emit.type(node.args[1]).shape[1].value()};
    CHECK(weight.pair, "integer rows of 14 bits meet weights that are no pairs of bf16");
    const Buffer x = emit.buffer(node.args[0], Access::read);
    const auto direct = [&](const ContractionAt& at) { return direct_products(emit, weight, x, layout, at); };
    if (weight.panel_rows * layout.columns * 2 > kMostStripBytes)
      return contraction(emit, emit.type_of(node), weight, direct);
    const ManyRows many = by_strip(emit, weight, x, layout);
    return contraction(emit, emit.type_of(node), weight, direct, &many);
  };
  return op;
}

}  // namespace hearth::op_set
