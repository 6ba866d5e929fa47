// Kernels of statements and memory accesses: masks, gathers, locals, loops of each kind, sizes.
#include "trials.h"

namespace hearth {
namespace {

constexpr Type kF32x8{DType::f32, 8};

Expr f32(double value) { return constant({DType::f32, 1}, value); }

// The last lanes of the last vectors lie outside of both buffers.
Trial masked_copy(DType dtype, int lanes) {
  const Buffer x = global_buffer("x", dtype), y = global_buffer("y", dtype);
  const int64_t elements = 4 * lanes - lanes / 2 - 1;
  const Expr index = ramp(var("i") * lanes, 1, lanes);
  const Expr mask = index < broadcast(Expr(elements), lanes);
  return parallel_trial(fmt::format("copy_{}x{}", name_of(dtype), lanes), {{x, Access::read}, {y, Access::read_write}},
                        {elements, elements}, 4, store(y, index, load(x, index, mask), mask));
}

void add_masked(Trials& trials) {
  for (const DType dtype : {DType::f32, DType::u8, DType::i16, DType::f16, DType::bf16, DType::i64, DType::boolean})
    for (const int lanes : {2, 5, 8, 16, 64}) trials.trials.push_back(masked_copy(dtype, lanes));
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32);
  const Expr i = var("i"), inside = i < Expr(5);
  trials.trials.push_back(
      parallel_trial("scalar", {{x, Access::read}, {y, Access::read_write}}, {5, 5}, 9,
                     store(y, i, load(x, i, inside) + load(x, Expr(4) - i, Expr(0) <= Expr(4) - i), inside)));
  const Expr random = load(y, ramp(i * 8, 1, 8)) < load(x, ramp(i * 8, 1, 8));
  trials.trials.push_back(parallel_trial("data", {{x, Access::read}, {y, Access::read_write}}, {80, 80}, 10,
                                         store(y, ramp(i * 8, 1, 8), load(x, ramp(i * 8, 1, 8), random), random)));
}

// Masks that are known in part, or become so: whole registers of them are all true or all false.
void add_known_masks(Trials& trials) {
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32),
               z = global_buffer("z", DType::u64);
  const Expr from = ramp(Expr(0), 1, 32), to = ramp(var("i") * 32, 1, 32);
  for (const int64_t count : {0, 8, 19, 31}) {
    const Expr known = from < broadcast(Expr(count), 32);
    const Expr mixed = binary(BinaryOp::logical_and, known, load(z, to) != load(z, ramp(var("i") * 32 + 1, 1, 32)));
    for (const auto& [name, mask] : {std::pair{"known", known}, {"mixed", mixed}}) {
      const std::vector<KernelParam> params = {{x, Access::read}, {y, Access::write}, {z, Access::read}};
      trials.trials.push_back(parallel_trial(fmt::format("{}_load{}", name, count), params, {count, 96, 97}, 3,
                                             store(y, to, load(x, from, mask))));
      trials.trials.push_back(parallel_trial(fmt::format("{}_store{}", name, count),
                                             {{x, Access::read}, {y, Access::read_write}, {z, Access::read}},
                                             {96, 64 + count, 97}, 3, store(y, to, load(x, to), mask)));
    }
  }
}

void add_scattered(Trials& trials) {
  const Expr i = var("i");
  for (const DType dtype : {DType::f32, DType::u8, DType::f16, DType::bf16, DType::i64, DType::boolean}) {
    const Buffer x = global_buffer("x", dtype), y = global_buffer("y", dtype), at = global_buffer("at", DType::u8);
    const Expr where = cast(DType::i64, load(at, ramp(i * 8, 1, 8)));
    const Expr mask = where < broadcast(Expr(100), 8);
    trials.trials.push_back(parallel_trial(fmt::format("gather_{}", name_of(dtype)),
                                           {{x, Access::read}, {at, Access::read}, {y, Access::write}}, {256, 64, 64},
                                           8, store(y, ramp(i * 8, 1, 8), load(x, where))));
    trials.trials.push_back(parallel_trial(fmt::format("masked_gather_{}", name_of(dtype)),
                                           {{x, Access::read}, {at, Access::read}, {y, Access::write}}, {100, 64, 64},
                                           8, store(y, ramp(i * 8, 1, 8), load(x, where, mask))));
    trials.trials.push_back(parallel_trial(fmt::format("scatter_{}", name_of(dtype)),
                                           {{x, Access::read}, {y, Access::read_write}}, {64, 256}, 8,
                                           store(y, ramp(i, 8, 8), load(x, ramp(Expr(63) - i * 8, -1, 8)))));
    trials.trials.push_back(parallel_trial(
        fmt::format("masked_scatter_{}", name_of(dtype)), {{x, Access::read}, {y, Access::read_write}}, {64, 40}, 8,
        store(y, ramp(i, 8, 8), load(x, ramp(i * 8, 1, 8)), ramp(i, 8, 8) < broadcast(Expr(40), 8))));
  }
}

void add_reinterpreted(Trials& trials) {
  const Expr i = var("i");
  const Buffer bytes = global_buffer("bytes", DType::u8), words = global_buffer("words", DType::u8);
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::i8, DType::u16, DType::i64}) {
    const int width = bytes_of(dtype);
    trials.trials.push_back(
        parallel_trial(fmt::format("as_{}", name_of(dtype)), {{bytes, Access::read}, {words, Access::write}},
                       {4 * 8 * width, 4 * 8 * width}, 4,
                       store(words, ramp(i * 8, 1, 8), load_as({dtype, 8}, bytes, ramp(i * 8, 1, 8)))));
    trials.trials.push_back(
        parallel_trial(fmt::format("scalar_index_{}", name_of(dtype)), {{bytes, Access::read}, {words, Access::write}},
                       {4 * 8 * width, 4 * 8 * width}, 4, store(words, i * 8, load_as({dtype, 8}, bytes, i * 8))));
  }
  // A block of 18 bytes: its f16 scale lies at any even address, its bytes behind it.
  const Buffer out = global_buffer("out", DType::f32);
  const Expr scale = cast(DType::f32, load_as({DType::f16, 1}, bytes, i * 9));
  const Expr quants = cast(DType::f32, load_as({DType::i8, 16}, bytes, ramp(i * 18 + 2, 1, 16)));
  trials.trials.push_back(parallel_trial("blocks", {{bytes, Access::read}, {out, Access::write}}, {18 * 6, 16 * 6}, 6,
                                         store(out, ramp(i * 16, 1, 16), quants * scale)));
}

// acc[r] over a serial loop, with vector accesses of the local at constant or changing places, whole or in parts.
Trial accumulate(LoopKind rows_kind, bool by_lanes) {
  constexpr int kRows = 4, kLanes = 8;
  const Buffer x = global_buffer("x", DType::f32), w = global_buffer("w", DType::f32),
               y = global_buffer("y", DType::f32);
  const Buffer acc = local_buffer("acc", DType::f32, kRows * kLanes);
  const Expr i = var("i"), r = var("r"), k = var("k"), depth = size_expr("depth");
  const Expr place = ramp(r * kLanes, 1, kLanes);
  const Stmt zero = loop("r", kRows, rows_kind, store(acc, place, constant(kF32x8, 0)));
  const Expr product = fma(broadcast(load(x, r * depth + k), kLanes),
                           load(w, ramp((i * depth + k) * kLanes, 1, kLanes)), load(acc, place));
  const Stmt step = loop("k", depth, LoopKind::serial, loop("r", kRows, rows_kind, store(acc, place, product)));
  const Expr l = var("l");
  const Stmt out_whole =
      loop("r", kRows, rows_kind, store(y, ramp((i * kRows + r) * kLanes, 1, kLanes), load(acc, place)));
  const Stmt out_lanes =
      loop("l", kRows * kLanes, LoopKind::unrolled, store(y, i * (kRows * kLanes) + l, load(acc, l)));
  const std::string name = fmt::format("accumulate_{}_{}", static_cast<int>(rows_kind), by_lanes ? "lanes" : "whole");
  return parallel_trial(name, {{x, Access::read}, {w, Access::read}, {y, Access::write}},
                        {kRows * 13, 5 * 13 * kLanes, 5 * kRows * kLanes}, 5,
                        alloc(acc, block({zero, step, by_lanes ? out_lanes : out_whole})));
}

void add_locals(Trials& trials) {
  for (const LoopKind kind : {LoopKind::unrolled, LoopKind::serial, LoopKind::vector})
    for (const bool by_lanes : {false, true}) trials.trials.push_back(accumulate(kind, by_lanes));
}

void add_masked_locals(Trials& trials) {
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32),
               t = local_buffer("t", DType::f32, 20);
  const Expr i = var("i"), place = ramp(Expr(8), 1, 8), source = ramp(i * 8, 1, 8);
  const Expr mask = load(x, source) < constant(kF32x8, 0.5);
  const Expr beyond = ramp(Expr(16), 1, 8) < broadcast(Expr(20), 8);
  const Stmt body =
      block({store(t, ramp(Expr(0), 1, 8), constant(kF32x8, 1)), store(t, place, constant(kF32x8, 2)),
             store(t, ramp(Expr(16), 1, 4), constant({DType::f32, 4}, 3)), store(t, place, load(x, source), mask),
             store(t, ramp(Expr(16), 1, 8), load(x, source), beyond),
             store(y, source, load(t, place, mask) + load(t, ramp(Expr(16), 1, 8), beyond))});
  trials.trials.push_back(
      parallel_trial("masked_locals", {{x, Access::read}, {y, Access::write}}, {48, 48}, 6, alloc(t, body)));
}

void add_control(Trials& trials) {
  const Buffer x = global_buffer("x", DType::i32), y = global_buffer("y", DType::i32);
  const Expr i = var("i"), j = var("j"), n = size_expr("n"), v = var("v", {DType::i32, 1});
  const Expr zero = constant_int({DType::i32, 1}, 0);
  const Stmt choose = when(v < zero, store(y, i * n + j, v - constant_int({DType::i32, 1}, 7)),
                           when(i == j, store(y, i * n + j, v * v), store(y, i * n + j, v)));
  const Stmt inner = let("v", load(x, i * n + j), choose);
  trials.trials.push_back(parallel_trial("choose", {{x, Access::read}, {y, Access::write}}, {63, 63}, 9,
                                         loop("j", n, LoopKind::serial, inner)));
  trials.trials.push_back(parallel_trial("never", {{x, Access::read}, {y, Access::read_write}}, {63, 63}, 9,
                                         loop("j", n - Expr(7), LoopKind::serial, inner)));
  trials.trials.push_back(parallel_trial("half", {{x, Access::read}, {y, Access::read_write}}, {63, 63}, 9,
                                         loop("j", n / 2, LoopKind::parallel, when(i % 3 == Expr(1), inner))));
  Trial outside = parallel_trial("let_outside", {{x, Access::read}, {y, Access::write}}, {63, 63}, 9,
                                 loop("j", n, LoopKind::serial, store(y, i * n + j, load(x, i * n + j) + v)));
  outside.kernel.body = let("v", load(x, n - Expr(1)), outside.kernel.body);
  trials.trials.push_back(outside);
}

void add_order(Trials& trials) {
  const Buffer y = global_buffer("y", DType::f32);
  const Expr i = var("i"), value = load(y, i) + f32(1);  // one node, evaluated anew in each statement
  trials.trials.push_back(
      parallel_trial("again", {{y, Access::read_write}}, {8}, 8, block({store(y, i, value), store(y, i, value)})));
}

// Asking for memory changes nothing, wherever it lies: inside, before, behind and far from the buffer.
void add_prefetch(Trials& trials) {
  const Buffer x = global_buffer("x", DType::f32), y = global_buffer("y", DType::f32);
  const Expr i = var("i");
  std::vector<Stmt> asked;
  for (const int64_t at : {int64_t{0}, int64_t{-1}, int64_t{100}, int64_t{-1} << 40, int64_t{1} << 40})
    asked.push_back(prefetch(x, i + Expr(at)));
  asked.push_back(prefetch(y, i * size_expr("depth") * 100000));
  asked.push_back(store(y, i, load(x, i) + f32(1)));
  trials.trials.push_back(
      parallel_trial("ask_ahead", {{x, Access::read}, {y, Access::write}}, {8, 8}, 8, block(asked)));
}

}  // namespace

Trial parallel_trial(std::string name, std::vector<KernelParam> params, std::vector<int64_t> elements,
                     int64_t iterations, Stmt body) {
  Trial trial;
  trial.kernel.name = std::move(name);
  trial.kernel.params = std::move(params);
  trial.kernel.extent = iterations;
  trial.kernel.body = loop("i", iterations, LoopKind::parallel, std::move(body));
  trial.iterations = iterations;
  trial.elements = std::move(elements);
  return trial;
}

Trials memory_trials() {
  Trials trials;
  add_masked(trials);
  add_known_masks(trials);
  add_scattered(trials);
  add_reinterpreted(trials);
  return trials;
}

Trials statement_trials() {
  Trials trials;
  trials.sizes = {{"unused", 0, 3}, {"depth", 1, 100}, {"n", 0, 100}};
  trials.size_values = {2, 13, 7};
  add_locals(trials);
  add_masked_locals(trials);
  add_control(trials);
  add_order(trials);
  add_prefetch(trials);
  return trials;
}

}  // namespace hearth
