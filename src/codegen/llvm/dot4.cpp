// dot4: four products of bytes added to a 32-bit lane, exact on every target whatever its instructions.
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IntrinsicsAArch64.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/check.h"
#include "codegen/llvm/values.h"

namespace hearth {
namespace {

using Build = llvm::IRBuilder<>;
using Value = llvm::Value;
namespace Intrinsic = llvm::Intrinsic;

llvm::FixedVectorType* vector_of(Build& build, unsigned bits, int lanes) {
  return llvm::FixedVectorType::get(build.getIntNTy(bits), static_cast<unsigned>(lanes));
}

Value* splat(Build& build, unsigned bits, int lanes, uint64_t value) {
  return llvm::ConstantInt::get(vector_of(build, bits, lanes), value);
}

int lanes_of(Value* value) {
  return static_cast<int>(llvm::cast<llvm::FixedVectorType>(value->getType())->getNumElements());
}

// Lanes [start, start + count); past the end they are undefined.
Value* part(Build& build, Value* value, int start, int count) {
  if (start == 0 && count == lanes_of(value)) return value;
  std::vector<int> order;
  for (int i = start; i < start + count; ++i) order.push_back(i < lanes_of(value) ? i : -1);
  return build.CreateShuffleVector(value, order);
}

Value* join(Build& build, std::vector<Value*> parts) {
  while (parts.size() > 1) {
    std::vector<Value*> pairs;
    for (size_t i = 0; i + 1 < parts.size(); i += 2) {
      std::vector<int> order;
      for (int lane = 0; lane < 2 * lanes_of(parts[i]); ++lane) order.push_back(lane);
      pairs.push_back(build.CreateShuffleVector(parts[i], parts[i + 1], order));
    }
    if (parts.size() % 2) pairs.push_back(part(build, parts.back(), 0, 2 * lanes_of(parts.back())));
    parts = std::move(pairs);
  }
  return parts[0];
}

using Step = std::function<Value*(Value* acc, Value* a, Value* b, int lanes)>;

// Cuts the operands into registers of at most `widest` 32-bit lanes (and at least 4), and puts the results together.
Value* in_registers(Build& build, Value* acc, Value* a, Value* b, int widest, const Step& step) {
  const int lanes = lanes_of(acc);
  int width = 4;
  while (width < lanes && width < widest) width *= 2;
  std::vector<Value*> parts;
  for (int start = 0; start < lanes; start += width)
    parts.push_back(step(part(build, acc, start, width), part(build, a, start * 4, width * 4),
                         part(build, b, start * 4, width * 4), width));
  return part(build, join(build, std::move(parts)), 0, lanes);
}

bool below_128(Build& build, Value* bytes) {
  const llvm::DataLayout& layout = build.GetInsertBlock()->getModule()->getDataLayout();
  return llvm::computeKnownBits(bytes, layout).isNonNegative();
}

Value* as(Build& build, Value* value, unsigned bits, int lanes) {
  return build.CreateBitCast(value, vector_of(build, bits, lanes));
}

// ---- x86

Value* vpdpbusd(Build& build, Value* acc, Value* a, Value* b, int lanes) {
  const auto id = lanes == 4   ? Intrinsic::x86_avx512_vpdpbusd_128
                  : lanes == 8 ? Intrinsic::x86_avx512_vpdpbusd_256
                               : Intrinsic::x86_avx512_vpdpbusd_512;
  return build.CreateIntrinsic(id, {}, {acc, as(build, a, 32, lanes), as(build, b, 32, lanes)});
}

// signed a: (a + 128) . b - 128 . b, exact because 32-bit lanes wrap.
Value* by_unsigned_signed(Build& build, DType a_dtype, Value* acc, Value* a, Value* b, int lanes) {
  if (a_dtype == DType::u8 || below_128(build, a)) return vpdpbusd(build, acc, a, b, lanes);
  Value* top = splat(build, 8, lanes * 4, 0x80);
  Value* excess = vpdpbusd(build, splat(build, 32, lanes, 0), top, b, lanes);
  return vpdpbusd(build, build.CreateSub(acc, excess), build.CreateXor(a, top), b, lanes);
}

Value* pmaddwd(Build& build, Value* a, Value* b, int lanes) {
  const auto id = lanes == 4   ? Intrinsic::x86_sse2_pmadd_wd
                  : lanes == 8 ? Intrinsic::x86_avx2_pmadd_wd
                               : Intrinsic::x86_avx512_pmaddw_d_512;
  return build.CreateIntrinsic(id, {}, {a, b});
}

Value* pmaddubsw(Build& build, Value* a, Value* b, int lanes) {
  const auto id = lanes == 4   ? Intrinsic::x86_ssse3_pmadd_ub_sw_128
                  : lanes == 8 ? Intrinsic::x86_avx2_pmadd_ub_sw
                               : Intrinsic::x86_avx512_pmaddubs_w_512;
  return build.CreateIntrinsic(id, {}, {a, b});
}

// Bytes 0, 2 of each lane of four as words, or bytes 1, 3.
Value* even_bytes(Build& build, Value* words, bool with_sign, int lanes) {
  if (!with_sign) return build.CreateAnd(words, splat(build, 16, lanes * 2, 0xff));
  return build.CreateAShr(build.CreateShl(words, splat(build, 16, lanes * 2, 8)), splat(build, 16, lanes * 2, 8));
}
Value* odd_bytes(Build& build, Value* words, bool with_sign, int lanes) {
  Value* eight = splat(build, 16, lanes * 2, 8);
  return with_sign ? build.CreateAShr(words, eight) : build.CreateLShr(words, eight);
}

// Without byte dot products. Pairs of bytes saturate in 16 bits only if an unsigned one exceeds 127.
Value* by_words(Build& build, DType a_dtype, Value* acc, Value* a, Value* b, int lanes) {
  if (below_128(build, a)) {
    Value* pairs = pmaddubsw(build, a, b, lanes);
    return build.CreateAdd(acc, pmaddwd(build, pairs, splat(build, 16, lanes * 2, 1), lanes));
  }
  const bool with_sign = a_dtype == DType::i8;
  Value* aw = as(build, a, 16, lanes * 2);
  Value* bw = as(build, b, 16, lanes * 2);
  Value* even = pmaddwd(build, even_bytes(build, aw, with_sign, lanes), even_bytes(build, bw, true, lanes), lanes);
  Value* odd = pmaddwd(build, odd_bytes(build, aw, with_sign, lanes), odd_bytes(build, bw, true, lanes), lanes);
  return build.CreateAdd(acc, build.CreateAdd(even, odd));
}

// The largest value a byte can have, as far as the code tells.
int64_t largest_byte(Build& build, Value* bytes) {
  const llvm::DataLayout& layout = build.GetInsertBlock()->getModule()->getDataLayout();
  return static_cast<int64_t>(llvm::computeKnownBits(bytes, layout).getMaxValue().getZExtValue());
}

// Several dot products in a row: pairs of bytes are added in 16 bits for as long as no sum can leave them (8 products
// of 4-bit codes, 4 of 5 bits, 2 of 6), and widened once.
Value* chain_by_words(Build& build, Value* acc, const std::vector<DotTerm>& terms, int start, int lanes) {
  constexpr int64_t kMost = 32767, kLargestOther = 128;
  Value* sums = nullptr;
  int64_t reach = 0;  // of the magnitude of `sums`
  const auto widen = [&] {
    if (sums) acc = build.CreateAdd(acc, pmaddwd(build, sums, splat(build, 16, lanes * 2, 1), lanes));
    sums = nullptr;
    reach = 0;
  };
  for (const DotTerm& term : terms) {
    Value *a = part(build, term.a, start * 4, lanes * 4), *b = part(build, term.b, start * 4, lanes * 4);
    const int64_t most = 2 * kLargestOther * largest_byte(build, a);
    if (most > kMost) {
      acc = by_words(build, term.a_dtype, acc, a, b, lanes);
      continue;
    }
    if (reach + most > kMost) widen();
    Value* products = pmaddubsw(build, a, b, lanes);
    sums = sums ? build.CreateAdd(sums, products) : products;
    reach += most;
  }
  widen();
  return acc;
}

// ---- aarch64

Value* sdot(Build& build, Value* acc, Value* a, Value* b) {
  return build.CreateIntrinsic(Intrinsic::aarch64_neon_sdot, {acc->getType(), a->getType()}, {acc, a, b});
}

Value* usdot(Build& build, Value* acc, Value* a, Value* b) {
  return build.CreateIntrinsic(Intrinsic::aarch64_neon_usdot, {acc->getType(), a->getType()}, {acc, a, b});
}

// unsigned a: (a - 128) . b + 128 . b; the second as twice 64 . b.
Value* by_signed_signed(Build& build, DType a_dtype, Value* acc, Value* a, Value* b, int lanes) {
  if (a_dtype == DType::i8 || below_128(build, a)) return sdot(build, acc, a, b);
  Value* half = sdot(build, splat(build, 32, lanes, 0), splat(build, 8, lanes * 4, 64), b);
  Value* shifted = sdot(build, acc, build.CreateXor(a, splat(build, 8, lanes * 4, 0x80)), b);
  return build.CreateAdd(shifted, build.CreateAdd(half, half));
}

// Products fit in 16 bits; neighbours are added twice while widening.
Value* by_pairs(Build& build, DType a_dtype, Value* acc, Value* a, Value* b, int lanes) {
  llvm::Type* wide = vector_of(build, 16, lanes * 4);
  Value* left = a_dtype == DType::u8 ? build.CreateZExt(a, wide) : build.CreateSExt(a, wide);
  Value* products = build.CreateMul(left, build.CreateSExt(b, wide));
  llvm::Type *words = vector_of(build, 16, 8), *sums = vector_of(build, 32, 4);
  Value* low = build.CreateIntrinsic(Intrinsic::aarch64_neon_saddlp, {sums, words}, {part(build, products, 0, 8)});
  Value* high = build.CreateIntrinsic(Intrinsic::aarch64_neon_saddlp, {sums, words}, {part(build, products, 8, 8)});
  return build.CreateAdd(acc, build.CreateIntrinsic(Intrinsic::aarch64_neon_addp, {sums}, {low, high}));
}

}  // namespace

Value* dot4_value(Build& build, const Target& target, DType a_dtype, Value* acc, Value* a, Value* b) {
  if (!acc->getType()->isVectorTy()) {
    Value* one = build.CreateInsertElement(llvm::PoisonValue::get(vector_of(build, 32, 1)), acc, uint64_t{0});
    return build.CreateExtractElement(dot4_value(build, target, a_dtype, one, a, b), uint64_t{0});
  }
  const bool x86 = target.triple.starts_with("x86_64");
  const Step step = [&](Value* c, Value* left, Value* right, int lanes) {
    if (x86 && target.dot4 == Dot4::unsigned_signed) return by_unsigned_signed(build, a_dtype, c, left, right, lanes);
    if (x86) return by_words(build, a_dtype, c, left, right, lanes);
    if (target.byte_tiles && a_dtype == DType::u8) return usdot(build, c, left, right);
    if (target.dot4 == Dot4::signed_signed) return by_signed_signed(build, a_dtype, c, left, right, lanes);
    return by_pairs(build, a_dtype, c, left, right, lanes);
  };
  return in_registers(build, acc, a, b, target.vector_bytes / 4, step);
}

Value* dot4_chain_value(Build& build, const Target& target, Value* acc, const std::vector<DotTerm>& terms) {
  const bool words = target.triple.starts_with("x86_64") && target.dot4 == Dot4::none && acc->getType()->isVectorTy();
  const int widest = target.vector_bytes / 4;
  if (!words || lanes_of(acc) % 4 != 0 || (lanes_of(acc) > widest && lanes_of(acc) % widest != 0)) {
    for (const DotTerm& term : terms) acc = dot4_value(build, target, term.a_dtype, acc, term.a, term.b);
    return acc;
  }
  const int width = std::min(widest, lanes_of(acc));
  std::vector<Value*> parts;
  for (int start = 0; start < lanes_of(acc); start += width)
    parts.push_back(chain_by_words(build, part(build, acc, start, width), terms, start, width));
  return join(build, std::move(parts));
}

}  // namespace hearth
