// q5_k: as q4_k with a fifth bit of every code in qh: bit g of qh[i] belongs to value i of group g.
#include "base/set.h"
#include "quant/formula.h"
#include "quant/super_block.h"

HEARTH_SET_MEMBER(scheme, q5_k)

namespace hearth {
namespace {

enum { kQh = kSuperScales + 1, kQs };
constexpr int kQhAt = 16, kQsAt = 48;                    // bytes
constexpr AffineSearch kSearch{.code_max = 31, .first_step = -0.5f, .last_step = 15};

Stmt encode(Buffer values, Buffer bytes) {
  constexpr int kLanes = 16;
  Steps steps;
  const Buffer codes = steps.local("codes", DType::u8, kSuperBlock);
  steps.add(encode_super_block(kSearch, values, bytes, codes));
  steps.add(pack_low_nibbles(codes, bytes, kQsAt));
  for (int at = 0; at < kSuperGroup; at += kLanes) {
    auto fifth = [&](int group) { return load_as({DType::u8, kLanes}, codes, group * kSuperGroup + at) >> 4; };
    Expr bits = fifth(0);
    for (int group = 1; group < kSuperGroups; ++group) bits = bits | (fifth(group) << group);
    steps.add(store(bytes, kQhAt + at, bits));
  }
  return steps.done();
}

// In panels each 64 values (groups 0 and 1) have their own fifth bits: bit 4*g + j of byte b belongs to value 8*j + b of
// group g.
enum { kSlicedQh = kSuperScales + 1, kSlicedQs };
constexpr int kSlices = 4, kSliceHigh = 8, kSliceLow = 32;

Stmt arrange(Buffer from, Buffer to) {
  const Type bytes{DType::u8, kSliceHigh}, run{DType::u8, kSliceLow};
  Steps steps;
  steps.add(store(to, 0, load_as({DType::u8, kQhAt}, from, 0)));
  for (int slice = 0; slice < kSlices; ++slice) {
    const int at = kQhAt + slice * (kSliceHigh + kSliceLow);
    auto bits = [&](int at_bit) {
      return (load_as(bytes, from, kQhAt + at_bit % 4 * kSliceHigh) >> (2 * slice + at_bit / 4)) & 1;
    };
    Expr all = bits(0);
    for (int at_bit = 1; at_bit < 8; ++at_bit) all = all | (bits(at_bit) << at_bit);
    steps.add(store(to, at, all));
    steps.add(store(to, at + kSliceHigh, load_as(run, from, kQsAt + slice * kSliceLow)));
  }
  return steps.done();
}

Scheme in_panels(Scheme scheme) {
  scheme.fields = {{"d", DType::f16, 1},
                   {"dmin", DType::f16, 1},
                   {"scales", DType::u8, 12},
                   {"qh", DType::u8, kSlices * kSliceHigh, kSlices},
                   {"qs", DType::u8, kSlices * kSliceLow, kSlices}};
  scheme.code = [](const ReadField& read, const Axes& at, int lanes) {
    const Expr high = read(kSlicedQh, at[0] * kSliceHigh + at[2] % kSliceHigh, lanes);
    const Expr fifth = shift_right(high, at[1] * 4 + at[2] / kSliceHigh) & 1;
    return nibble(read(kSlicedQs, at[0] * kSliceLow + at[2], lanes), at[1]) | (fifth << 4);
  };
  return scheme;
}

}  // namespace

Scheme q5_k() {
  Scheme scheme;
  scheme.name = "q5_k";
  scheme.block = kSuperBlock;
  scheme.fields = {{"d", DType::f16, 1}, {"dmin", DType::f16, 1}, {"scales", DType::u8, 12}, {"qh", DType::u8, 32},
                   {"qs", DType::u8, 128}};
  scheme.axes = {4, 2, kSuperGroup};
  scheme.code = [](const ReadField& read, const Axes& at, int lanes) {
    const Expr fifth = shift_right(read(kQh, at[2], lanes), group_of(at)) & 1;
    return nibble(read(kQs, at[0] * 32 + at[2], lanes), at[1]) | (fifth << 4);
  };
  scheme.code_max = 31;
  scheme.scale = super_scale;
  scheme.offset = super_offset;
  scheme.encode = encode;
  scheme.in_panels = std::make_shared<const Scheme>(in_panels(scheme));
  scheme.arrange = arrange;
  return scheme;
}

}  // namespace hearth
