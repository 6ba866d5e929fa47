// q4_k: 256 nibbles in 8 groups of 32, each with a 6-bit scale and a 6-bit min under two f16: d*scale*q - dmin*min.
#include "base/set.h"
#include "quant/formula.h"
#include "quant/super_block.h"

HEARTH_SET_MEMBER(scheme, q4_k)

namespace hearth {
namespace {

enum { kQs = kSuperScales + 1 };
constexpr int kQsAt = 16;                                // bytes
constexpr AffineSearch kSearch{.code_max = 15, .first_step = -1.0f, .last_step = 20};

Stmt encode(Buffer values, Buffer bytes) {
  Steps steps;
  const Buffer codes = steps.local("codes", DType::u8, kSuperBlock);
  steps.add(encode_super_block(kSearch, values, bytes, codes));
  steps.add(pack_low_nibbles(codes, bytes, kQsAt));
  return steps.done();
}

}  // namespace

Scheme q4_k() {
  Scheme scheme;
  scheme.name = "q4_k";
  scheme.block = kSuperBlock;
  scheme.fields = {{"d", DType::f16, 1}, {"dmin", DType::f16, 1}, {"scales", DType::u8, 12}, {"qs", DType::u8, 128}};
  scheme.axes = {4, 2, kSuperGroup};
  scheme.code = [](const ReadField& read, const Axes& at, int lanes) {
    return nibble(read(kQs, at[0] * 32 + at[2], lanes), at[1]);
  };
  scheme.code_max = 15;
  scheme.scale = super_scale;
  scheme.offset = super_offset;
  scheme.encode = encode;
  return scheme;
}

}  // namespace hearth
