// dot2: two products of bf16 added to an f32 lane, or of i16 to an i32 lane, with the instruction or in the same steps without it.
#include <llvm/IR/IntrinsicsX86.h>

#include "codegen/llvm/values.h"

namespace hearth {
namespace {

using Build = llvm::IRBuilder<>;
using Value = llvm::Value;
namespace Intrinsic = llvm::Intrinsic;

constexpr uint64_t kSign = 0x80000000, kExponent = 0x7f800000;

llvm::FixedVectorType* vector_of(llvm::Type* element, int lanes) {
  return llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes));
}

int lanes_of(Value* value) {
  return static_cast<int>(llvm::cast<llvm::FixedVectorType>(value->getType())->getNumElements());
}

Value* vdpbf16ps(Build& build, Value* acc, Value* a, Value* b, int lanes) {
  const auto id = lanes == 4   ? Intrinsic::x86_avx512bf16_dpbf16ps_128
                  : lanes == 8 ? Intrinsic::x86_avx512bf16_dpbf16ps_256
                               : Intrinsic::x86_avx512bf16_dpbf16ps_512;
  llvm::Type* pairs = vector_of(build.getBFloatTy(), 2 * lanes);
  return build.CreateIntrinsic(id, {}, {acc, build.CreateBitCast(a, pairs), build.CreateBitCast(b, pairs)});
}

// The same steps in f32, with f64 telling what is too small. All work is on bits: i32 in, i32 out.
class Steps {
 public:
  Steps(Build& build, int lanes)
      : build_(build),
        bits_(vector_of(build.getInt32Ty(), lanes)),
        reals_(vector_of(build.getFloatTy(), lanes)),
        doubles_(vector_of(build.getDoubleTy(), lanes)) {}

  Value* bits(Value* value) { return build_.CreateBitCast(value, bits_); }
  Value* reals(Value* value) { return build_.CreateBitCast(value, reals_); }
  Value* even(Value* pairs) { return without_denormals(build_.CreateShl(bits(pairs), number(16))); }
  Value* odd(Value* pairs) { return without_denormals(build_.CreateAnd(bits(pairs), number(0xffff0000))); }
  Value* without_denormals(Value* value) {
    Value* small = build_.CreateICmpEQ(build_.CreateAnd(value, number(kExponent)), number(0));
    return build_.CreateSelect(small, build_.CreateAnd(value, number(kSign)), value);
  }
  Value* fma(Value* a, Value* b, Value* c) {
    Value* sum = bits(build_.CreateIntrinsic(Intrinsic::fma, {reals_}, {reals(a), reals(b), reals(c)}));
    Value* exact = build_.CreateIntrinsic(Intrinsic::fma, {doubles_}, {doubles(a), doubles(b), doubles(c)});
    Value* size = build_.CreateUnaryIntrinsic(Intrinsic::fabs, exact);
    Value* tiny = build_.CreateFCmpOLT(size, llvm::ConstantFP::get(doubles_, 0x1.ffffffp-127));
    return build_.CreateSelect(tiny, build_.CreateAnd(sum, number(kSign)), sum);
  }

 private:
  Value* number(uint64_t value) { return llvm::ConstantInt::get(bits_, value); }
  Value* doubles(Value* value) { return build_.CreateFPExt(reals(value), doubles_); }

  Build& build_;
  llvm::Type *bits_, *reals_, *doubles_;
};

Value* vpdpwssd(Build& build, Value* acc, Value* a, Value* b, int lanes) {
  const auto id = lanes == 4   ? Intrinsic::x86_avx512_vpdpwssd_128
                  : lanes == 8 ? Intrinsic::x86_avx512_vpdpwssd_256
                               : Intrinsic::x86_avx512_vpdpwssd_512;
  return build.CreateIntrinsic(id, {}, {acc, build.CreateBitCast(a, acc->getType()), build.CreateBitCast(b, acc->getType())});
}

Value* integer_steps(Build& build, Value* acc, Value* a, Value* b) {
  const auto half = [&](Value* pairs, bool odd) {
    Value* words = build.CreateBitCast(pairs, acc->getType());
    return build.CreateAShr(odd ? words : build.CreateShl(words, 16), 16);
  };
  Value* even = build.CreateMul(half(a, false), half(b, false));
  return build.CreateAdd(build.CreateAdd(acc, even), build.CreateMul(half(a, true), half(b, true)));
}

}  // namespace

Value* dot2_value(Build& build, const Target& target, Value* acc, Value* a, Value* b) {
  if (!acc->getType()->isVectorTy()) {
    Value* one = build.CreateInsertElement(llvm::PoisonValue::get(vector_of(acc->getType(), 1)), acc, uint64_t{0});
    return build.CreateExtractElement(dot2_value(build, target, one, a, b), uint64_t{0});
  }
  const int lanes = lanes_of(acc);
  const bool in_register = (lanes == 4 || lanes == 8 || lanes == 16) && lanes <= target.vector_bytes / 4;
  if (acc->getType()->isIntOrIntVectorTy())
    return target.i16_dot && in_register ? vpdpwssd(build, acc, a, b, lanes) : integer_steps(build, acc, a, b);
  if (target.bf16_dot && in_register) return vdpbf16ps(build, acc, a, b, lanes);
  Steps steps(build, lanes);
  Value* odd = steps.fma(steps.odd(a), steps.odd(b), steps.without_denormals(steps.bits(acc)));
  return steps.reals(steps.fma(steps.even(a), steps.even(b), odd));
}

}  // namespace hearth
