// q6_k: 256 six-bit codes in 16 groups of 16, each with an 8-bit scale under one f16: d*scale*(q - 32).
//
// A half of 128 values is four quarters of 32; a quarter's low four bits are nibbles of ql, its high two bits are bits
// 2*quarter of qh.
#include "base/set.h"
#include "quant/formula.h"
#include "quant/scheme.h"
#include "quant/search.h"

HEARTH_SET_MEMBER(scheme, q6_k)

namespace hearth {
namespace {

constexpr int kBlock = 256, kGroups = 16, kGroup = 16, kBound = 32;
enum { kQl, kQh, kScales, kD };
constexpr int kQhAt = 128, kScalesAt = 192, kDAt = 208, kBytes = 210;
constexpr float kNothing = 1e-15f;                       // blocks with smaller scales are all zero bytes

// Codes of one group from the scale as stored; a group whose stored scale is zero keeps the search's codes.
Stmt code_groups(Buffer values, Buffer bytes, Buffer codes, Expr d, const SymmetricFit& fit) {
  Steps steps;
  const Expr group = var("group");
  const Expr step = steps.let("step_size", d * to_f32(load_as({DType::i8, 1}, bytes, group + kScalesAt)));
  const Expr code_scale = steps.let("search_scale", load(fit.code_scale, group));
  const Expr nothing = steps.let("no_group", code_scale == f32(0));
  const Expr x = load_as({DType::f32, kGroup}, values, group * kGroup);
  const Expr keep = spread(step == f32(0), kGroup);
  const Expr level = select(keep, nearest_int(code_scale * x), nearest_int(x / step));
  const Expr code = clamp(level, -kBound, kBound - 1) + kBound;
  // A group of zeros was given code 0, not 32, and a zero scale.
  const Expr kept = select(select(keep, spread(nothing, kGroup), keep), constant_int({DType::i32, kGroup}, 0), code);
  steps.add(store(codes, group * kGroup, cast(DType::u8, kept)));
  return loop("group", kGroups, LoopKind::serial, steps.done());
}

Stmt pack(Buffer codes, Buffer bytes) {
  std::vector<Stmt> stores;
  for (int at = 0; at < kBlock / 8; at += kGroup) {
    const Expr half = var("half");
    auto quarter = [&](int q) { return load_as({DType::u8, kGroup}, codes, half * 128 + (32 * q + at)); };
    for (int q = 0; q < 2; ++q)
      stores.push_back(store(bytes, half * 64 + (32 * q + at), (quarter(q) & 15) | (quarter(q + 2) << 4)));
    Expr high = quarter(0) >> 4;
    for (int q = 1; q < 4; ++q) high = high | (quarter(q) >> 4 << (2 * q));
    stores.push_back(store(bytes, half * 32 + (kQhAt + at), high));
  }
  return loop("half", 2, LoopKind::serial, block(stores));
}

Stmt encode(Buffer values, Buffer bytes) {
  Steps steps;
  const SymmetricFit fit{steps.local("scales", DType::f32, kGroups), steps.local("code_scales", DType::f32, kGroups)};
  steps.add(fit_symmetric(kBound, values, kGroups, kGroup, fit));
  const Expr most = largest(steps, "most", fit.scale, kGroups);
  Steps rest;
  const Buffer codes = rest.local("codes", DType::u8, kBlock);
  const Expr per_d = rest.let("per_d", f32(-128) / most);
  const Expr d = rest.let("d", cast(DType::f16, f32(1) / per_d));
  rest.add(store(bytes, kDAt / 2, d));
  const Expr scales = nearest_int(load_as({DType::f32, kGroups}, fit.scale, 0) * per_d);
  const Expr bits = cast(DType::i8, min(scales, constant_int({DType::i32, kGroups}, 127)));
  rest.add(store(bytes, kScalesAt, bitcast({DType::u8, kGroups}, bits)));
  rest.add(code_groups(values, bytes, codes, to_f32(d), fit));
  rest.add(pack(codes, bytes));
  const Stmt zeros = loop("zero", kBytes, LoopKind::serial, store(bytes, var("zero"), constant_int({DType::u8, 1}, 0)));
  steps.add(when(magnitude(most) < f32(kNothing), zeros, rest.done()));
  return steps.done();
}

// In panels 64 values (four groups) lie together: their scales, 16 bytes with two high bits of each group, low nibbles
// of two groups in 16 bytes, twice.
enum { kSlicedD, kSlicedScales, kSlicedQh, kSlicedQl };
constexpr int kSlices = 4, kSliceScales = 4, kSliceHigh = 16, kSliceLow = 32;

Stmt arrange(Buffer from, Buffer to) {
  const Type run{DType::u8, kGroup};
  Steps steps;
  steps.add(store(to, 0, load_as({DType::u8, 2}, from, kDAt)));
  for (int slice = 0; slice < kSlices; ++slice) {
    const int half = slice / 2, at = 2 + slice * (kSliceScales + kSliceHigh + kSliceLow);
    steps.add(store(to, at, load_as({DType::u8, kSliceScales}, from, kScalesAt + slice * kSliceScales)));
    auto high = [&](int group) {
      const int quarter = slice % 2 * 2 + group / 2;
      return (load_as(run, from, kQhAt + half * 32 + group % 2 * 16) >> (2 * quarter)) & 3;
    };
    Expr all = high(0);
    for (int group = 1; group < 4; ++group) all = all | (high(group) << (2 * group));
    steps.add(store(to, at + kSliceScales, all));
    for (int pair = 0; pair < 2; ++pair) {
      auto low = [&](int part) { return nibble(load_as(run, from, half * 64 + pair * 32 + part * 16), slice % 2); };
      steps.add(store(to, at + kSliceScales + kSliceHigh + pair * 16, low(0) | (low(1) << 4)));
    }
  }
  return steps.done();
}

Scheme in_panels(Scheme scheme) {
  scheme.fields = {{"d", DType::f16, 1},
                   {"scales", DType::i8, kGroups, kSlices},
                   {"qh", DType::u8, kSlices * kSliceHigh, kSlices},
                   {"ql", DType::u8, kSlices * kSliceLow, kSlices}};
  scheme.axes = {kSlices, 4, kGroup};
  scheme.code = [](const ReadField& read, const Axes& at, int lanes) {
    const Expr low = nibble(read(kSlicedQl, at[0] * kSliceLow + at[1] / 2 * 16 + at[2], lanes), at[1] % 2);
    const Expr high = shift_right(read(kSlicedQh, at[0] * kSliceHigh + at[2], lanes), at[1] * 2) & 3;
    return low | (high << 4);
  };
  scheme.scale = [](const ReadField& read, const Axes& at) {
    return to_f32(read(kSlicedD, 0, 1)) * to_f32(read(kSlicedScales, at[0] * kSliceScales + at[1], 1));
  };
  return scheme;
}

}  // namespace

Scheme q6_k() {
  Scheme scheme;
  scheme.name = "q6_k";
  scheme.block = kBlock;
  scheme.fields = {{"ql", DType::u8, 128}, {"qh", DType::u8, 64}, {"scales", DType::i8, 16}, {"d", DType::f16, 1}};
  scheme.axes = {2, 4, 2, kGroup};
  scheme.code = [](const ReadField& read, const Axes& at, int lanes) {
    const Expr within = at[2] * 16 + at[3];
    const Expr low = nibble(read(kQl, at[0] * 64 + at[1] % 2 * 32 + within, lanes), at[1] / 2);
    const Expr high = shift_right(read(kQh, at[0] * 32 + within, lanes), at[1] * 2) & 3;
    return low | (high << 4);
  };
  scheme.code_max = 63;
  scheme.zero = 32;
  scheme.scale = [](const ReadField& read, const Axes& at) {
    return to_f32(read(kD, 0, 1)) * to_f32(read(kScales, at[0] * 8 + at[1] * 2 + at[2], 1));
  };
  scheme.encode = encode;
  scheme.in_panels = std::make_shared<const Scheme>(in_panels(scheme));
  scheme.arrange = arrange;
  return scheme;
}

}  // namespace hearth
