// matmul_int: matmul with int8 rows and quantized weights: (u8 [rows, QuantizedRow::bytes], w [columns, K]) -> f32
// [rows, columns].
//
// Within a group of weights that share a scale products are summed exactly in int32 by dot4; scales come outside:
//   sum += (scale_w * scale_x) * (dot(code, x) - zero * sum(x))        sums of codes
//   sum += (scale_w * scale_x) * dot(code, x) + offset_w * sum(scale_x * x)   sums of values
// Two groups of 16 under one scale_x are added before it is multiplied: scale_x * (scale_w0 * dot0 + scale_w1 * dot1).
//
// Where the target multiplies tiles of bytes, rows go in pairs: all that differs from row to row is a vector of two, and
// a word holds 8 codes, not 4.
//
// For many rows codes and scales of a panel are unpacked once into a strip that fits a cache.
#include "base/check.h"
#include "base/set.h"
#include "ops/contraction.h"
#include "ops/quantized_rows.h"

HEARTH_SET_MEMBER(op, matmul_int)

namespace hearth::op_set {
namespace {

constexpr int kMostGroups = 8;           // unrolled: formulas see constants, and code stays small
constexpr int64_t kStripRows = 32;       // unpacking pays from here on
constexpr int64_t kMostStripBytes = 512 << 10;  // of codes: what a core's cache holds
const Type kF32{DType::f32, 1};

// A word of code bytes as dot4 on this target wants them, and what that does to the zero point.
struct Codes {
  Expr bytes;
  int zero;
};
Codes dot_codes(Emit& emit, const WeightView& weight, const Expr& code) {
  const bool is_unsigned = code->type.dtype == DType::u8;
  const Type bytes{DType::u8, weight.word};
  if (emit.dot_wants_unsigned() && !is_unsigned)       // -128 .. 127 -> 0 .. 255
    return {bitcast(bytes, code) ^ constant_int(bytes, 128), weight.zero + 128};
  if (!emit.dot_wants_unsigned() && is_unsigned) {
    CHECK(weight.code_max < 128, "codes up to {} do not fit int8", weight.code_max);
    return {bitcast({DType::i8, weight.word}, code), weight.zero};
  }
  return {code, weight.zero};
}

// -zero * sum(x), from the kept -8 * sum(x); exact because that is a multiple of 8.
Expr dot_start(const Expr& kept_sum, int zero) {
  const Type type = kept_sum->type;
  if (zero == 0) return constant_int(type, 0);
  if (zero % kSumFactor == 0) return kept_sum * constant_int(type, zero / -kSumFactor);
  return (kept_sum * constant_int(type, zero)) / constant_int(type, -kSumFactor);
}

// The weights of one group: a word of codes from element j on, scale and offset as expressions.
struct Group {
  Expr column;   // the group's first, i64
  int size = 0;  // elements
  int word = 4;
  std::function<Codes(int j)> codes;
  Expr scale, offset;  // offset perhaps none
};

// One number that holds a word of codes.
Type word_type(int word) { return {word == 8 ? DType::i64 : DType::i32, 1}; }

// A word of codes for each of the rows.
Expr for_rows(const Expr& word, int rows) {
  if (rows == 1) return word;
  const Type bytes = word->type;
  return bitcast(bytes.with_lanes(bytes.lanes * rows), broadcast(bitcast(word_type(bytes.lanes), word), rows));
}

// Adds the products of the groups that share one of x's scales, in order of k.
Stmt group_products(Emit& emit, Buffer x, const QuantizedRow& layout, const std::vector<Group>& groups,
                    const ContractionAt& into) {
  const int rows = into.rows;
  const Type reals{DType::f32, rows}, sums{DType::i32, rows};
  const Buffer dot = local_buffer(emit.fresh("dot"), DType::i32, rows),
               part = local_buffer(emit.fresh("part"), DType::f32, rows);
  const Expr x_scale = load_as(reals, x, layout.scale_index(into.t, groups[0].column / Expr(kRowGroup), rows));
  const Expr found = cast(reals, load_as(sums, dot, Expr(0)));
  std::vector<Stmt> steps;
  for (const Group& group : groups) {
    const Expr sum_at = layout.sum_index(into.t, group.column / Expr(layout.sum_group), rows);
    const int zero = group.codes(0).zero;
    CHECK(zero == 0 || layout.sum_of == SumOf::codes, "a zero point of {} without sums of codes", zero);
    // One expression, so that a target without byte dot products may add several in 16 bits.
    Expr products = dot_start(load_as(sums, x, sum_at), zero);
    std::vector<std::pair<std::string, Expr>> words;
    for (int j = 0; j < group.size; j += group.word) {
      const Expr row =
          load_as({DType::i8, group.word * rows}, x, layout.code_index(into.t, group.column + Expr(j), rows));
      words.emplace_back(emit.fresh("w"), group.codes(j).bytes);
      products = dot4(products, for_rows(var(words.back().first, words.back().second->type), rows), row);
    }
    Stmt keep = store(dot, Expr(0), products);
    for (size_t i = words.size(); i-- > 0;) keep = let(words[i].first, words[i].second, keep);
    steps.push_back(keep);
    const std::string name = emit.fresh("scale");
    const Expr scale = broadcast(var(name, kF32), rows);
    const bool first = &group == &groups.front(), last = &group == &groups.back();
    const Expr sum = load_as(reals, into.sum, Expr(0));
    const Expr parts = first ? found * scale : fma(found, scale, load_as(reals, part, Expr(0)));
    const Expr total = first ? fma(found, scale * x_scale, sum) : fma(parts, x_scale, sum);
    steps.push_back(let(name, group.scale, last ? store(into.sum, Expr(0), total) : store(part, Expr(0), parts)));
  }
  for (const Group& group : groups) {
    if (!group.offset) continue;
    CHECK(layout.sum_of == SumOf::values, "an offset without sums of values");
    const std::string offset = emit.fresh("offset");
    const Expr x_sum = load_as(reals, x, layout.sum_index(into.t, group.column / Expr(layout.sum_group), rows));
    const Expr sum = load_as(reals, into.sum, Expr(0));
    steps.push_back(
        let(offset, group.offset, store(into.sum, Expr(0), fma(broadcast(var(offset, kF32), rows), x_sum, sum))));
  }
  return alloc(dot, groups.size() > 1 ? alloc(part, block(steps)) : block(steps));
}

// What `one` makes of the groups that share one of x's scales, over all blocks in order of k; outer axes are unrolled
// where that stays small.
using GroupAt = std::pair<WeightView::At, Expr>;  // where its weights are, its first column
Stmt every_group(Emit& emit, const WeightView& weight, int64_t columns, const ContractionAt& at,
                 const std::function<Stmt(const std::vector<GroupAt>&)>& one) {
  const int size = weight.axes.back(), together = kRowGroup / size;
  const std::string b = emit.fresh("b");
  std::vector<std::string> names;
  std::vector<int> extents;
  std::vector<GroupAt> groups(static_cast<size_t>(together), {{at.panel, at.lane, var(b), {}}, Expr(0)});
  for (size_t i = 0; i + 1 < weight.axes.size(); ++i) {
    const bool last = i + 2 == weight.axes.size();
    CHECK(!last || weight.axes[i] % together == 0, "{} groups of {}, want a multiple of {}", weight.axes[i], size,
          together);
    names.push_back(emit.fresh("a"));
    extents.push_back(last ? weight.axes[i] / together : weight.axes[i]);
    for (int g = 0; g < together; ++g) {
      auto& [where, column] = groups[static_cast<size_t>(g)];
      where.axes.push_back(last ? var(names.back()) * Expr(together) + Expr(g) : var(names.back()));
      column = column * Expr(weight.axes[i]) + where.axes.back();
    }
  }
  for (auto& [where, column] : groups) {
    column = var(b) * Expr(weight.block) + column * Expr(size);
    where.axes.push_back(Expr(0));
  }
  Stmt body = one(groups);
  int copies = together;
  for (size_t i = names.size(); i-- > 0;) {
    copies *= extents[i];
    body = loop(names[i], Expr(extents[i]), copies <= kMostGroups ? LoopKind::unrolled : LoopKind::serial, body);
  }
  return loop(b, Expr(columns / weight.block), LoopKind::serial, body);
}

Codes codes_at(Emit& emit, const WeightView& weight, WeightView::At at, int j) {
  at.axes.back() = Expr(j);
  return dot_codes(emit, weight, weight.code(at, weight.word));
}

// Codes as dot4 wants them, in words, scales and offsets of one row of weights.
struct Strip {
  Buffer codes, scales, offsets;
};

Strip make_strip(Emit& emit, const WeightView& weight, int64_t columns) {
  const int64_t groups = columns / weight.axes.back();
  Strip strip{local_buffer(emit.fresh("codes"), word_type(weight.word).dtype, columns / weight.word),
              local_buffer(emit.fresh("scales"), DType::f32, groups), nullptr};
  if (weight.offset) strip.offsets = local_buffer(emit.fresh("offsets"), DType::f32, groups);
  return strip;
}

Stmt fill_strip(Emit& emit, const WeightView& weight, int64_t columns, const ContractionAt& at, const Strip& strip) {
  return every_group(emit, weight, columns, at, [&](const std::vector<GroupAt>& groups) {
    std::vector<Stmt> steps;
    for (const auto& [where, column] : groups) {
      const Expr number = column / Expr(weight.axes.back());
      for (int j = 0; j < weight.axes.back(); j += weight.word)
        steps.push_back(store(strip.codes, column / Expr(weight.word) + Expr(j / weight.word),
                              bitcast(word_type(weight.word), codes_at(emit, weight, where, j).bytes)));
      steps.push_back(store(strip.scales, number, weight.scale(where)));
      if (weight.offset) steps.push_back(store(strip.offsets, number, weight.offset(where)));
    }
    return block(steps);
  });
}

// The smallest 2^n - 1 that no code exceeds: tells code generators what a byte from the strip can be.
int code_mask(int code_max) {
  int mask = 1;
  while (mask < code_max) mask = mask * 2 + 1;
  return mask;
}

// The same sums in the same order, from the strip.
Stmt strip_products(Emit& emit, const WeightView& weight, Buffer x, const QuantizedRow& layout, const Strip& strip,
                    const ContractionAt& at) {
  const int size = weight.axes.back(), together = kRowGroup / size;
  const std::string g = emit.fresh("g");
  const Codes sample = dot_codes(emit, weight, constant_int({weight.code_min < 0 ? DType::i8 : DType::u8, weight.word}, 0));
  const Type type = sample.bytes->type;
  std::vector<Group> groups;
  for (int i = 0; i < together; ++i) {
    const Expr number = var(g) * Expr(together) + Expr(i);
    Group group{number * Expr(size), size, weight.word, {}, load(strip.scales, number), Expr()};
    group.codes = [=, &weight](int j) {
      const Expr bytes = bitcast(type, load(strip.codes, number * Expr(size / weight.word) + Expr(j / weight.word)));
      const int mask = code_mask(weight.code_max);
      return Codes{type.dtype == DType::u8 && mask < 128 ? bytes & constant_int(type, mask) : bytes, sample.zero};
    };
    if (weight.offset) group.offset = load(strip.offsets, number);
    groups.push_back(group);
  }
  const int64_t steps = layout.columns / kRowGroup;
  return loop(g, Expr(steps), LoopKind::serial,
              block({ask_for_next_panel(weight, at, var(g), steps), group_products(emit, x, layout, groups, at)}));
}

Stmt direct_products(Emit& emit, const WeightView& weight, Buffer x, const QuantizedRow& layout,
                     const ContractionAt& at) {
  return every_group(emit, weight, layout.columns, at, [&](const std::vector<GroupAt>& wheres) {
    std::vector<Group> groups;
    for (const auto& [where, column] : wheres) {
      const auto codes = [&emit, &weight, where = where](int j) { return codes_at(emit, weight, where, j); };
      groups.push_back(
          {column, weight.axes.back(), weight.word, codes, weight.scale(where), weight.offset ? weight.offset(where) : Expr()});
    }
    return group_products(emit, x, layout, groups, at);
  });
}

ManyRows by_strip(Emit& emit, const WeightView& weight, Buffer x, const QuantizedRow& layout) {
  const Strip strip = make_strip(emit, weight, layout.columns);
  ManyRows many{.at_least = kStripRows};
  many.around = [=, &emit, &weight](const ContractionAt& at, Stmt rows) {
    Stmt body =
        alloc(strip.codes, alloc(strip.scales, block({fill_strip(emit, weight, layout.columns, at, strip), rows})));
    return strip.offsets ? alloc(strip.offsets, body) : body;
  };
  many.products = [=, &emit, &weight](const ContractionAt& at) {
    return strip_products(emit, weight, x, layout, strip, at);
  };
  return many;
}

}  // namespace

Op matmul_int() {
  Op op;
  op.kind = OpClass::contraction;
  op.shape = [](const Node& node, std::span<const TensorType> args) {
    return product_shape(node, args, [&](int64_t columns) { return quantized_row(node, columns).bytes(); });
  };
  op.kernel = [](Emit& emit, const Node& node) {
    const WeightView weight = emit.weight(node.args[1]);
    const QuantizedRow layout = quantized_row(node, emit.type(node.args[1]).shape[1].value());
    CHECK(layout.sum_group == weight.axes.back(), "sums of {} for groups of {}", layout.sum_group, weight.axes.back());
    const Buffer x = emit.buffer(node.args[0], Access::read);
    const auto direct = [&](const ContractionAt& at) { return direct_products(emit, weight, x, layout, at); };
    const bool costly = weight.code_min >= 0 && weight.panel_rows * layout.columns <= kMostStripBytes;
    if (!costly) return contraction(emit, emit.type_of(node), weight, direct, nullptr, layout.together);
    const ManyRows many = by_strip(emit, weight, x, layout);
    return contraction(emit, emit.type_of(node), weight, direct, &many, layout.together);
  };
  return op;
}

}  // namespace hearth::op_set
