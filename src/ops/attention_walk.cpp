// The walk over pages: scores of a block, its softmax, its share of the output.
#include "ops/attention_walk.h"

#include <algorithm>

#include "ops/ask.h"
#include "ops/shapes.h"

namespace hearth {
namespace {

const Type kF32{DType::f32, 1};
constexpr int kSlots = kPageTokens;
constexpr int kColumns = kBlock / kSlots;        // pages a block
const Type kScores{DType::f32, kSlots};
constexpr double kLowest = -1e30;                // a finite minus infinity: no NaN from inf - inf
constexpr int kTileRows = 16;                    // rows that walk together, about
constexpr int kUnroll = 8;
constexpr int kPagesAhead = kColumns;            // what is asked for before it is read

// The buffers of a walk and where in it we are.
struct Walk {
  Emit& emit;
  const Node& node;
  const AttentionShape& s;
  const Rows& rows;
  Expr kv;
  Sums sums;
  Buffer scores, totals, shrink;         // [rows * 64], [rows * 16] (a total of each lane), [rows]
  Then then;                             // what is walked after this part
  Expr block;                            // number of the block
  Expr page, pages;                      // first page and count of those in sight
  Expr first_page, last_page;            // in sight of the part

  int64_t count() const { return rows.tokens * s.group; }
};

KvPages pages_of(Emit& emit, const Node& node, const AttentionShape& s, KvPart part) {
  return {part, emit.type(node.args[part == KvPart::key ? 1 : 2]).dtype, s.kv_heads, s.size};
}

Stmt unrolled(Emit& emit, int64_t extent, const std::function<Stmt(const Expr&)>& body) {
  const std::string name = emit.fresh("u");
  return loop(name, Expr(extent), LoopKind::unrolled, body(var(name)));
}
Stmt serial(Emit& emit, const Expr& extent, const std::function<Stmt(const Expr&)>& body) {
  const std::string name = emit.fresh("i");
  return loop(name, extent, LoopKind::serial, body(var(name)));
}
Stmt with(Emit& emit, const char* name, const Expr& value, const std::function<Stmt(const Expr&)>& body) {
  const std::string fresh = emit.fresh(name);
  return let(fresh, value, body(var(fresh, value->type)));
}

// Where page `number` of the rows' sequence lies in memory.
Expr place_of(const Walk& w, const Expr& number) {
  return cast(kIndex, w.emit.read(w.node.args[5], {w.rows.sequence, number}));
}

// Each page of the block in sight: body(its place in memory, its column in the block).
Stmt each_page(const Walk& w, const std::function<Stmt(const Expr& page, const Expr& column)>& body) {
  return serial(w.emit, w.pages, [&](const Expr& step) {
    const Expr number = w.page + step;
    return with(w.emit, "place", place_of(w, number),
                [&](const Expr& page) { return body(page, number - w.block * Expr(kColumns)); });
  });
}

// A page that will be read soon: where it lies, and whose head.
struct Soon {
  Expr place, head;
};

// The page that is read kPagesAhead pages after page `number`. After a part come the same pages of the next head, whose
// first ones would come cold otherwise; or the same head's next part.
Stmt with_soon(const Walk& w, const Expr& number, const std::function<Stmt(const Soon&)>& body) {
  const Expr ahead = number + Expr(kPagesAhead), end = w.rows.high / Expr(kSlots);
  const auto placed = [&](const Expr& page, const Expr& head) {
    return with(w.emit, "soon", place_of(w, page), [&](const Expr& place) { return body({place, head}); });
  };
  if (w.then == Then::next_part) return placed(min(ahead, end), w.kv);
  const Expr next = w.kv + Expr(1), heads(w.s.kv_heads), is_within = ahead <= w.last_page;
  const Expr other = select(next < heads, min(w.first_page + (ahead - w.last_page - Expr(1)), w.last_page), min(ahead, end));
  return with(w.emit, "head", select(is_within, w.kv, select(next < heads, next, Expr(0))),
              [&](const Expr& head) { return placed(select(is_within, ahead, other), head); });
}

// Asks for share `step` of `steps` of the keys or values in a page.
Stmt ask(const Walk& w, KvPart part, const Soon& soon, const Expr& step, int64_t steps) {
  const KvPages pages = pages_of(w.emit, w.node, w.s, part);
  const Buffer state = w.emit.buffer(w.node.args[part == KvPart::key ? 1 : 2], Access::read);
  return ask_for_share(state, pages.index(soon.place, soon.head, Expr(0), Expr(0)), pages.head_bytes(), step, steps);
}

// scores[row][16 column ..] = scale * q[row] . k[slot], for `count` rows from `base`; dots stay in registers.
Stmt score_rows(const Walk& w, int64_t base, int64_t count, const Expr& page, const Expr& column, const Soon& soon) {
  const AttentionShape& s = w.s;
  const KvPages keys = pages_of(w.emit, w.node, s, KvPart::key);
  const Buffer state = w.emit.buffer(w.node.args[1], Access::read);
  const Buffer dots = local_buffer(w.emit.fresh("dots"), DType::f32, count * kSlots);
  const int step = s.size % kUnroll == 0 ? kUnroll : 2;
  const Stmt clear = unrolled(w.emit, count, [&](const Expr& r) { return store(dots, r * Expr(kSlots), constant(kScores, 0)); });
  const Stmt add = serial(w.emit, Expr(s.size / step), [&](const Expr& chunk) {
    const Stmt asked = base == 0 ? ask(w, KvPart::key, soon, chunk, s.size / step) : block({});
    const Stmt dot = unrolled(w.emit, step, [&](const Expr& i) {
      const Expr d = chunk * Expr(step) + i;
      return with(w.emit, "k", keys.keys(state, page, w.kv, d), [&](const Expr& key) {
        return unrolled(w.emit, count, [&](const Expr& r) {
          const Expr row = r + Expr(base);
          const Expr q = w.emit.read(w.node.args[0], {w.rows.first + row / Expr(s.group), w.kv * Expr(s.group) + row % Expr(s.group), d});
          return store(dots, r * Expr(kSlots), fma(broadcast(q, kSlots), key, load_as(kScores, dots, r * Expr(kSlots))));
        });
      });
    });
    return block({asked, dot});
  });
  const Stmt keep = unrolled(w.emit, count, [&](const Expr& r) {
    const Expr at = (r + Expr(base)) * Expr(kBlock) + column * Expr(kSlots);
    return store(w.scores, at, load_as(kScores, dots, r * Expr(kSlots)) * constant(kScores, s.scale));
  });
  return alloc(dots, block({clear, add, keep}));
}

Stmt score_block(const Walk& w) {
  return each_page(w, [&](const Expr& page, const Expr& column) {
    return with_soon(w, w.block * Expr(kColumns) + column, [&](const Soon& soon) {
      std::vector<Stmt> groups;
      for (int64_t base = 0; base < w.count(); base += w.s.held)
        groups.push_back(score_rows(w, base, std::min<int64_t>(w.s.held, w.count() - base), page, column, soon));
      return block(groups);
    });
  });
}

// Which of a block's positions a token at `position` sees.
Expr seen(const Walk& w, const Expr& position, int column) {
  const Type i32{DType::i32, 1};
  const Expr first = cast(i32, w.block * Expr(kBlock) + Expr(column * kSlots));
  const Expr slots = ramp(first, constant_int(i32, 1), kSlots);
  const Expr last = slots <= broadcast(cast(i32, position), kSlots);
  if (w.s.window == 0) return last;
  return binary(BinaryOp::logical_and, broadcast(cast(i32, position - Expr(w.s.window)), kSlots) < slots, last);
}

// One row's running softmax over a block: scores become weights, shrink is what older sums are multiplied by.
Stmt soften_row(const Walk& w, const Expr& row, const std::vector<Expr>& masks) {
  std::vector<Expr> masked, weights;
  for (int c = 0; c < kColumns; ++c) masked.push_back(var(w.emit.fresh("masked"), kScores));
  for (int c = 0; c < kColumns; ++c) weights.push_back(var(w.emit.fresh("p"), kScores));
  const auto at = [&](int c) { return row * Expr(kBlock) + Expr(c * kSlots); };
  const Expr most = var(w.emit.fresh("most"), kF32), shrink = var(w.emit.fresh("shrink"), kF32);
  const Expr totals = load_as(kScores, w.totals, row * Expr(kSlots));
  const Expr added = (weights[0] + weights[1]) + (weights[2] + weights[3]);
  std::vector<Stmt> stores{store(w.totals, row * Expr(kSlots), fma(totals, broadcast(shrink, kSlots), added)),
                           store(w.sums.most, row, most), store(w.shrink, row, shrink)};
  for (int c = 0; c < kColumns; ++c) stores.push_back(store(w.scores, at(c), weights[c]));
  Stmt body = block(stores);
  for (int c = kColumns; c-- > 0;) {
    const Expr raised = unary(UnaryOp::exp, masked[c] - broadcast(most, kSlots));
    body = let(weights[c]->name, select(masks[c], raised, constant(kScores, 0)), body);
  }
  body = let(shrink->name, unary(UnaryOp::exp, load(w.sums.most, row) - most), body);
  const Expr highest = max(max(masked[0], masked[1]), max(masked[2], masked[3]));
  body = let(most->name, max(load(w.sums.most, row), reduce(BinaryOp::max, highest)), body);
  for (int c = kColumns; c-- > 0;)
    body = let(masked[c]->name, select(masks[c], load_as(kScores, w.scores, at(c)), constant(kScores, kLowest)), body);
  return body;
}

Stmt soften_block(const Walk& w) {
  std::vector<Stmt> tokens;
  for (int t = 0; t < w.rows.tokens; ++t) {
    std::vector<Expr> masks;
    for (int c = 0; c < kColumns; ++c) masks.push_back(var(w.emit.fresh("seen"), {DType::boolean, kSlots}));
    Stmt body = serial(w.emit, Expr(w.s.group), [&](const Expr& g) { return soften_row(w, Expr(t * w.s.group) + g, masks); });
    for (int c = kColumns; c-- > 0;) body = let(masks[c]->name, seen(w, w.rows.positions[t], c), body);
    tokens.push_back(body);
  }
  return block(tokens);
}

// sum[row] = sum[row] * shrink[row] + weights[row] . values, for `count` rows from `base` and `wide` vectors of d at a time.
Stmt sum_rows(const Walk& w, int64_t base, int64_t count, int wide) {
  const AttentionShape& s = w.s;
  const KvPages pages = pages_of(w.emit, w.node, s, KvPart::value);
  const Buffer state = w.emit.buffer(w.node.args[2], Access::read);
  const Type row{DType::f32, s.lanes};
  const Buffer part = local_buffer(w.emit.fresh("part"), DType::f32, count * wide * s.lanes);
  const auto part_at = [&](const Expr& r, int v) { return (r * Expr(wide) + Expr(v)) * Expr(s.lanes); };
  const auto add_slot = [&](const Expr& page, const Expr& column, const Expr& slot, const Expr& d) {
    std::vector<Expr> values;
    for (int v = 0; v < wide; ++v) values.push_back(var(w.emit.fresh("v"), row));
    Stmt body = unrolled(w.emit, count, [&](const Expr& r) {
      const Expr weight = broadcast(load(w.scores, (r + Expr(base)) * Expr(kBlock) + column * Expr(kSlots) + slot), s.lanes);
      std::vector<Stmt> adds;
      for (int v = 0; v < wide; ++v)
        adds.push_back(store(part, part_at(r, v), fma(weight, values[v], load_as(row, part, part_at(r, v)))));
      return block(adds);
    });
    for (int v = wide; v-- > 0;)
      body = let(values[v]->name, pages.values(state, page, w.kv, slot, d + Expr(v * s.lanes), s.lanes), body);
    return body;
  };
  const int64_t chunks = s.size / (wide * s.lanes);
  return serial(w.emit, Expr(chunks), [&](const Expr& chunk) {
    const Expr d = chunk * Expr(wide * s.lanes);
    const auto each_sum = [&](const std::function<Stmt(const Expr& r, int v, const Expr& sum_at)>& body) {
      return unrolled(w.emit, count, [&](const Expr& r) {
        std::vector<Stmt> all;
        for (int v = 0; v < wide; ++v) all.push_back(body(r, v, (r + Expr(base)) * Expr(s.size) + d + Expr(v * s.lanes)));
        return block(all);
      });
    };
    const Stmt open = each_sum([&](const Expr& r, int v, const Expr& at) {
      return store(part, part_at(r, v), load_as(row, w.sums.sum, at) * broadcast(load(w.shrink, r + Expr(base)), s.lanes));
    });
    const Stmt close = each_sum([&](const Expr& r, int v, const Expr& at) {
      return store(w.sums.sum, at, load_as(row, part, part_at(r, v)));
    });
    const int64_t rounds = kSlots / kUnroll;
    const auto add_page = [&](const Expr& page, const Expr& column, const Soon* soon) {
      return serial(w.emit, Expr(rounds), [&](const Expr& some) {
        const Stmt slots = unrolled(w.emit, kUnroll, [&](const Expr& i) { return add_slot(page, column, some * Expr(kUnroll) + i, d); });
        if (soon == nullptr) return slots;
        return block({ask(w, KvPart::value, *soon, chunk * Expr(rounds) + some, chunks * rounds), slots});
      });
    };
    const Stmt add = each_page(w, [&](const Expr& page, const Expr& column) {
      if (base != 0) return add_page(page, column, nullptr);
      return with_soon(w, w.block * Expr(kColumns) + column, [&](const Soon& soon) { return add_page(page, column, &soon); });
    });
    return alloc(part, block({open, add, close}));
  });
}

Stmt sum_block(const Walk& w) {
  std::vector<Stmt> groups;
  for (int64_t base = 0; base < w.count(); base += w.s.held) {
    const int64_t count = std::min<int64_t>(w.s.held, w.count() - base);
    const int64_t vectors = w.s.size / w.s.lanes;
    int64_t wide = std::max<int64_t>(1, std::min<int64_t>(vectors, w.s.held / count));
    while (vectors % wide != 0) --wide;
    groups.push_back(sum_rows(w, base, count, static_cast<int>(wide)));
  }
  return block(groups);
}

// The blocks of one part that any row sees.
Stmt each_block(Walk& w, const Expr& part, const std::function<Stmt()>& body) {
  const Expr begin = max(w.rows.low, part * Expr(kPart));
  const Expr end = min(w.rows.high, part * Expr(kPart) + Expr(kPart - 1));
  const std::string from = w.emit.fresh("from"), to = w.emit.fresh("to");
  w.first_page = var(from) / Expr(kSlots);
  w.last_page = var(to) / Expr(kSlots);
  const Expr count = max(var(to) / Expr(kBlock) - var(from) / Expr(kBlock) + Expr(1), Expr(0));
  const Stmt blocks = serial(w.emit, count, [&](const Expr& step) {
    return with(w.emit, "block", var(from) / Expr(kBlock) + step, [&](const Expr& block) {
      const Expr first = max(var(from) / Expr(kSlots), block * Expr(kColumns));
      const Expr last = min(var(to) / Expr(kSlots), block * Expr(kColumns) + Expr(kColumns - 1));
      return with(w.emit, "page", first, [&](const Expr& page) {
        return with(w.emit, "pages", last - page + Expr(1), [&](const Expr& pages) {
          w.block = block;
          w.page = page;
          w.pages = pages;
          return body();
        });
      });
    });
  });
  return let(from, begin, let(to, end, blocks));
}

Stmt fill(Emit& emit, const Buffer& buffer, int64_t elements, double value) {
  int64_t lanes = kSlots;
  while (elements % lanes != 0) lanes /= 2;
  const Type type{DType::f32, static_cast<int>(lanes)};
  return serial(emit, Expr(elements / lanes), [&](const Expr& i) { return store(buffer, i * Expr(lanes), constant(type, value)); });
}

}  // namespace

AttentionShape attention_shape(Emit& emit, const Node& node) {
  const TensorType& q = emit.type(node.args[0]);
  AttentionShape shape;
  shape.kv_heads = node.integer("kv_heads");
  shape.group = q.shape[1].value() / shape.kv_heads;
  shape.size = q.shape[2].value();
  shape.window = node.integer("window");
  shape.scale = node.real("scale");
  shape.lanes = lanes_dividing(q.shape[2], kSlots);
  shape.held = emit.wide_registers() >= 32 ? kTileRows : 6;
  while (shape.tile * 2 * shape.group <= kTileRows) shape.tile *= 2;
  return shape;
}

Result<Done> check_attention(const Node& node, std::span<const TensorType> args, size_t operands) {
  TRY_DONE(want_operands(node, args, operands));
  for (const auto& [operand, axes] : {std::pair{0, 3}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 2}})
    TRY_DONE(want_axes(node, args, operand, static_cast<size_t>(axes)));
  const int64_t kv_heads = node.integer("kv_heads");
  const Dim& heads = args[0].shape[1];
  if (kv_heads <= 0 || !heads.is_constant() || heads.value() % kv_heads != 0)
    return wrong_operand(node, 0, args[0], fmt::format("heads that divide by {} key heads", kv_heads));
  return Done{};
}

Dim part_count(const Dim& table) { return ceil_div(table, kPart / kPageTokens); }

Dim is_parted(const Dim& tokens, const Dim& table) {
  const Dim few = min(Dim(1), max(Dim(0), Dim(kFewTokens + 1) - tokens));
  return few * min(Dim(1), part_count(table) - Dim(1));
}

Sums local_sums(Emit& emit, const AttentionShape& shape, int tokens) {
  const int64_t rows = tokens * shape.group;
  return {local_buffer(emit.fresh("most"), DType::f32, rows), local_buffer(emit.fresh("total"), DType::f32, rows),
          local_buffer(emit.fresh("sum"), DType::f32, rows * shape.size)};
}

Stmt with_sums(const Sums& sums, Stmt body) {
  for (const Buffer& buffer : {sums.most, sums.total, sums.sum}) body = alloc(buffer, body);
  return body;
}

Stmt clear(Emit& emit, const AttentionShape& shape, int tokens, const Sums& sums) {
  const int64_t rows = tokens * shape.group;
  return block({fill(emit, sums.most, rows, kLowest), fill(emit, sums.total, rows, 0), fill(emit, sums.sum, rows * shape.size, 0)});
}

namespace {

Stmt with_rows(Emit& emit, const Node& node, const AttentionShape& shape, const Expr& first, int tokens,
               const std::function<Stmt(const Rows&)>& body) {
  Rows rows{first, tokens, {}, {}, {}, {}};
  std::vector<std::string> names;
  for (int t = 0; t < tokens; ++t) {
    names.push_back(emit.fresh("position"));
    rows.positions.push_back(var(names.back()));
  }
  const std::string low = emit.fresh("low"), high = emit.fresh("high"), sequence = emit.fresh("sequence");
  Expr least = rows.positions[0], most = rows.positions[0];
  for (int t = 1; t < tokens; ++t) {
    least = min(least, rows.positions[t]);
    most = max(most, rows.positions[t]);
  }
  rows.low = var(low);
  rows.high = var(high);
  rows.sequence = var(sequence);
  Stmt result = let(low, shape.window > 0 ? max(least - Expr(shape.window - 1), Expr(0)) : Expr(0), let(high, most, body(rows)));
  for (int t = tokens; t-- > 0;) result = let(names[t], cast(kIndex, emit.read(node.args[3], {first + Expr(t)})), result);
  return let(sequence, cast(kIndex, emit.read(node.args[4], {first})), result);
}

}  // namespace

Stmt each_rows(Emit& emit, const Node& node, const AttentionShape& shape, Expr first, const std::function<Stmt(const Rows&)>& body) {
  const Expr left = Expr(emit.type(node.args[0]).shape[0]) - first;
  const auto alone = [&](const Expr& token) { return with_rows(emit, node, shape, token, 1, body); };
  if (shape.tile == 1) return alone(first);
  const Stmt one_by_one = serial(emit, min(left, Expr(shape.tile)), [&](const Expr& t) {
    return with(emit, "token", first + t, alone);
  });
  Expr same = constant_int({DType::boolean, 1}, 1);
  const Expr sequence = emit.read(node.args[4], {first});
  for (int t = 1; t < shape.tile; ++t)
    same = binary(BinaryOp::logical_and, same, emit.read(node.args[4], {first + Expr(t)}) == sequence);
  const Stmt together = with_rows(emit, node, shape, first, shape.tile, body);
  return when(Expr(shape.tile) <= left, when(same, together, one_by_one), one_by_one);
}

Stmt attend_part(Emit& emit, const Node& node, const AttentionShape& shape, const Rows& rows, Expr kv, Expr part, const Sums& sums,
                 Then then) {
  const int64_t count = rows.tokens * shape.group;
  Walk walk{emit, node, shape, rows, kv, sums, local_buffer(emit.fresh("scores"), DType::f32, count * kBlock),
            local_buffer(emit.fresh("totals"), DType::f32, count * kSlots), local_buffer(emit.fresh("shrinks"), DType::f32, count),
            then, {}, {}, {}, {}, {}};
  const Stmt blocks = each_block(walk, part, [&] { return block({score_block(walk), soften_block(walk), sum_block(walk)}); });
  const Stmt total = serial(emit, Expr(count), [&](const Expr& r) {
    return store(sums.total, r, reduce(BinaryOp::add, load_as(kScores, walk.totals, r * Expr(kSlots))));
  });
  Stmt body = block({clear(emit, shape, rows.tokens, sums), fill(emit, walk.totals, count * kSlots, 0),
                     fill(emit, walk.scores, count * kBlock, 0), blocks, total});
  for (const Buffer& buffer : {walk.scores, walk.totals, walk.shrink}) body = alloc(buffer, body);
  return body;
}

SumsAt places(const Sums& sums) { return {{sums.most, Expr(0)}, {sums.total, Expr(0)}, {sums.sum, Expr(0)}}; }

Stmt merge(Emit& emit, const AttentionShape& shape, int tokens, const Sums& into, const SumsAt& part) {
  const Type row{DType::f32, shape.lanes};
  return serial(emit, Expr(tokens * shape.group), [&](const Expr& r) {
    const Expr theirs = load(part.most.buffer, part.most.at + r);
    return with(emit, "most", max(load(into.most, r), theirs), [&](const Expr& most) {
      return with(emit, "old", unary(UnaryOp::exp, load(into.most, r) - most), [&](const Expr& old) {
        return with(emit, "new", unary(UnaryOp::exp, theirs - most), [&](const Expr& fresh) {
          const Expr total = fma(load(part.total.buffer, part.total.at + r), fresh, load(into.total, r) * old);
          const Stmt sums = serial(emit, Expr(shape.size / shape.lanes), [&](const Expr& chunk) {
            const Expr at = r * Expr(shape.size) + chunk * Expr(shape.lanes);
            const Expr sum = load_as(row, into.sum, at) * broadcast(old, shape.lanes);
            return store(into.sum, at, fma(load_as(row, part.sum.buffer, part.sum.at + at), broadcast(fresh, shape.lanes), sum));
          });
          return block({store(into.total, r, total), store(into.most, r, most), sums});
        });
      });
    });
  });
}

int64_t part_elements(const AttentionShape& shape) { return shape.group * (shape.size + 2); }

SumsAt part_places(const AttentionShape& shape, Buffer buffer, Expr token, Expr kv, Expr part, const Dim& parts) {
  const Expr at = ((token * Expr(shape.kv_heads) + kv) * Expr(parts) + part) * Expr(part_elements(shape));
  const Expr most = at + Expr(shape.group * shape.size);
  return {{buffer, most}, {buffer, most + Expr(shape.group)}, {buffer, at}};
}

}  // namespace hearth
