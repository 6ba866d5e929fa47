// What q4_k and q5_k share: scales of groups, and the encoder around the affine search.
#include "quant/super_block.h"

#include "quant/formula.h"

namespace hearth {
namespace {

constexpr int kLanes = 16;

struct Pair {
  Expr scale, min;               // 6 bits, u8
};

// The 12 bytes hold scales 0..3 and mins 0..3 in the low six bits of bytes 0..3 and 4..7; for groups 4..7, bytes
// 8..11 hold four low bits of both, the two high bits lie on top of bytes 0..3 (scales) and 4..7 (mins).
Pair unpack(const ReadField& read, Expr group) {
  auto byte = [&](Expr index) { return read(kSuperScales, index, 1); };
  auto low = [&] { return Pair{byte(group) & 63, byte(group + 4) & 63}; };
  auto high = [&](Expr under) {
    const Expr both = byte(group + 4);
    return Pair{(both & 15) | (byte(under) >> 6 << 4), (both >> 4) | (byte(under + 4) >> 6 << 4)};
  };
  if (const auto number = known(group)) return *number < 4 ? low() : high(*number - 4);
  const Pair a = low(), b = high(max(group - 4, 0));
  const Expr first = spread(group < 4, a.scale->type.lanes);
  return {select(first, a.scale, b.scale), select(first, a.min, b.min)};
}

Stmt pack_scales(Buffer scales, Buffer mins, Buffer bytes) {
  const Type four{DType::u8, 4};
  auto part = [&](Buffer from, int at) { return load_as(four, from, at); };
  auto with_high_bits = [&](Buffer from) { return part(from, 0) | (part(from, 4) >> 4 << 6); };
  return block({store(bytes, kSuperScalesAt, with_high_bits(scales)),
                store(bytes, kSuperScalesAt + 4, with_high_bits(mins)),
                store(bytes, kSuperScalesAt + 8, (part(scales, 4) & 15) | (part(mins, 4) << 4))});
}

// Codes of one group from the scale and min as stored; a group whose stored scale is zero keeps the search's codes.
Stmt code_group(const AffineSearch& search, Buffer values, Buffer codes, const AffineFit& fit, Expr step, Expr low) {
  Steps steps;
  const Expr group = var("group");
  const Expr known_step = steps.let("step_size", step), known_low = steps.let("step_low", low);
  const Expr code_scale = steps.let("search_scale", load(fit.code_scale, group));
  const Expr code_low = steps.let("search_low", load(fit.code_low, group));
  for (int at = 0; at < kSuperGroup; at += kLanes) {
    const Expr index = group * kSuperGroup + at;
    const Expr x = load_as({DType::f32, kLanes}, values, index);
    const Expr stored = nearest_int((x + known_low) / known_step), searched = nearest_int(code_scale * (x - code_low));
    const Expr keep = spread(known_step == f32(0), kLanes);
    steps.add(store(codes, index, cast(DType::u8, clamp(select(keep, searched, stored), 0, search.code_max))));
  }
  return loop("group", kSuperGroups, LoopKind::serial, steps.done());
}

}  // namespace

Expr group_of(const Axes& at) { return at[0] * 2 + at[1]; }

Expr super_scale(const ReadField& read, const Axes& at) {
  return to_f32(read(kSuperD, 0, 1)) * to_f32(unpack(read, group_of(at)).scale);
}

Expr super_offset(const ReadField& read, const Axes& at) {
  return -(to_f32(read(kSuperDmin, 0, 1)) * to_f32(unpack(read, group_of(at)).min));
}

Stmt encode_super_block(const AffineSearch& search, Buffer values, Buffer bytes, Buffer codes) {
  Steps steps;
  auto floats = [&](const char* name) { return steps.local(name, DType::f32, kSuperGroups); };
  const AffineFit fit{floats("scales"), floats("mins"), floats("code_scales"), floats("code_lows")};
  steps.add(fit_affine(search, values, kSuperGroups, kSuperGroup, fit));
  const Type lanes{DType::f32, kSuperGroups};
  // Six bits for each: 63 stands for the largest of the block.
  auto quantize = [&](const std::string& name, Buffer from) {
    const Expr all = load_as(lanes, from, 0);
    const Expr most = steps.let("largest_" + name, max(reduce(BinaryOp::max, all), f32(0)));
    const Expr per = steps.let("per_" + name, select(f32(0) < most, f32(63) / most, f32(0)));
    const Buffer sixth = steps.local(name + "_bits", DType::u8, kSuperGroups);
    steps.add(store(sixth, 0, cast(DType::u8, clamp(nearest_int(spread(per, kSuperGroups) * all) & 255, 0, 63))));
    const Expr unit = steps.let("unit_" + name, cast(DType::f16, most / f32(63)));
    return std::pair(sixth, unit);
  };
  const auto [scale_bits, d] = quantize("scale", fit.scale);
  const auto [min_bits, dmin] = quantize("min", fit.min);
  steps.add(store(bytes, 0, d));
  steps.add(store(bytes, 1, dmin));
  steps.add(pack_scales(scale_bits, min_bits, bytes));
  const Expr group = var("group");
  steps.add(code_group(search, values, codes, fit, to_f32(d) * to_f32(load(scale_bits, group)),
                       to_f32(dmin) * to_f32(load(min_bits, group))));
  return steps.done();
}

Stmt pack_low_nibbles(Buffer codes, Buffer bytes, int at) {
  const Expr run = var("run");
  const Type lanes{DType::u8, kLanes};
  std::vector<Stmt> stores;
  for (int first = 0; first < kSuperGroup; first += kLanes) {
    const Expr low = load_as(lanes, codes, run * 64 + first), high = load_as(lanes, codes, run * 64 + (32 + first));
    stores.push_back(store(bytes, run * 32 + (at + first), (low & 15) | (high << 4)));
  }
  return loop("run", 4, LoopKind::serial, block(stores));
}

}  // namespace hearth
