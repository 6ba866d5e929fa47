// Types, constants, arithmetic and lane movement of loop IR in LLVM's terms.
#include "codegen/llvm/values.h"

#include <llvm/IR/Intrinsics.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace hearth {
namespace {

using Build = llvm::IRBuilder<>;
using Value = llvm::Value;

llvm::Type* with_lanes(llvm::Type* element, int lanes) {
  return lanes == 1 ? element : llvm::FixedVectorType::get(element, lanes);
}

int lanes_of(const Value* value) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  return vector ? static_cast<int>(vector->getNumElements()) : 1;
}

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

Value* number(llvm::Type* type, int64_t value) { return llvm::ConstantInt::getSigned(type, value); }

// f32 -> bf16: round to nearest even on the bits; a NaN stays one by setting its quiet bit.
Value* round_to_bf16(Build& build, Value* value, int lanes) {
  llvm::Type* wide = with_lanes(build.getInt32Ty(), lanes);
  Value* bits = build.CreateBitCast(value, wide);
  Value* high = build.CreateLShr(bits, number(wide, 16));
  Value* odd = build.CreateAnd(high, number(wide, 1));
  Value* rounded =
      build.CreateLShr(build.CreateAdd(build.CreateAdd(bits, number(wide, 0x7fff)), odd), number(wide, 16));
  Value* nan = build.CreateFCmpUNO(value, value);
  Value* chosen = build.CreateSelect(nan, build.CreateOr(high, number(wide, 0x40)), rounded);
  return build.CreateTrunc(chosen, with_lanes(build.getInt16Ty(), lanes));
}

Value* to_f32(Build& build, Type from, Value* value) {
  llvm::Type* result = with_lanes(build.getFloatTy(), from.lanes);
  if (from.dtype == DType::f16) return build.CreateFPExt(value, result);
  llvm::Type* wide = with_lanes(build.getInt32Ty(), from.lanes);
  return build.CreateBitCast(build.CreateShl(build.CreateZExt(value, wide), number(wide, 16)), result);
}

Value* from_f32(Build& build, DType to, Value* value, int lanes) {
  if (to == DType::bf16) return round_to_bf16(build, value, lanes);
  return build.CreateFPTrunc(value, with_lanes(build.getHalfTy(), lanes));
}

Value* float_binary(Build& build, BinaryOp op, Value* a, Value* b) {
  switch (op) {
    case BinaryOp::add:
      return build.CreateFAdd(a, b);
    case BinaryOp::sub:
      return build.CreateFSub(a, b);
    case BinaryOp::mul:
      return build.CreateFMul(a, b);
    case BinaryOp::div:
      return build.CreateFDiv(a, b);
    case BinaryOp::min:
      return build.CreateSelect(build.CreateFCmpOLT(a, b), a, b);
    case BinaryOp::max:
      return build.CreateSelect(build.CreateFCmpOGT(a, b), a, b);
    case BinaryOp::lt:
      return build.CreateFCmpOLT(a, b);
    case BinaryOp::le:
      return build.CreateFCmpOLE(a, b);
    case BinaryOp::eq:
      return build.CreateFCmpOEQ(a, b);
    case BinaryOp::ne:
      return build.CreateFCmpUNE(a, b);
    default:
      break;
  }
  CHECK(false, "binary operation {} has no float form", static_cast<int>(op));
}

bool is_comparison(BinaryOp op) {
  return op == BinaryOp::lt || op == BinaryOp::le || op == BinaryOp::eq || op == BinaryOp::ne;
}

// The constant every lane of `value` holds, or null.
const llvm::APInt* splat_of(const Value* value) {
  const auto* constant = llvm::dyn_cast<llvm::Constant>(value);
  if (!constant) return nullptr;
  const auto* integer = llvm::dyn_cast_or_null<llvm::ConstantInt>(
      constant->getType()->isVectorTy() ? constant->getSplatValue() : constant);
  return integer ? &integer->getValue() : nullptr;
}

// Toward minus infinity; the smallest number by -1 wraps instead of trapping.
Value* floor_div_or_mod(Build& build, BinaryOp op, Value* a, Value* b) {
  llvm::Type* type = a->getType();
  const llvm::APInt* known = splat_of(b);
  if (known && known->isStrictlyPositive() && known->isPowerOf2()) {
    if (op == BinaryOp::mod) return build.CreateAnd(a, llvm::ConstantInt::get(type, *known - 1));
    return build.CreateAShr(a, number(type, known->logBase2()));
  }
  Value *minus_one = nullptr, *divisor = b;
  if (!known || known->isAllOnes()) {
    minus_one = build.CreateICmpEQ(b, number(type, -1));
    divisor = build.CreateSelect(minus_one, number(type, 1), b);
  }
  Value* quotient = build.CreateSDiv(a, divisor);
  Value* rest = build.CreateSub(a, build.CreateMul(quotient, divisor));
  Value* zero = number(type, 0);
  Value* crossed = build.CreateICmpSLT(build.CreateXor(rest, divisor), zero);
  Value* adjust = build.CreateAnd(build.CreateICmpNE(rest, zero), crossed);
  if (op == BinaryOp::mod) return build.CreateSelect(adjust, build.CreateAdd(rest, divisor), rest);
  Value* floored = build.CreateSelect(adjust, build.CreateSub(quotient, number(type, 1)), quotient);
  return minus_one ? build.CreateSelect(minus_one, build.CreateNeg(a), floored) : floored;
}

Value* integer_binary(Build& build, BinaryOp op, bool with_sign, Value* a, Value* b) {
  switch (op) {
    case BinaryOp::add:
      return build.CreateAdd(a, b);
    case BinaryOp::sub:
      return build.CreateSub(a, b);
    case BinaryOp::mul:
      return build.CreateMul(a, b);
    case BinaryOp::div:
      return with_sign ? floor_div_or_mod(build, op, a, b) : build.CreateUDiv(a, b);
    case BinaryOp::mod:
      return with_sign ? floor_div_or_mod(build, op, a, b) : build.CreateURem(a, b);
    case BinaryOp::min:
      return build.CreateBinaryIntrinsic(with_sign ? llvm::Intrinsic::smin : llvm::Intrinsic::umin, a, b);
    case BinaryOp::max:
      return build.CreateBinaryIntrinsic(with_sign ? llvm::Intrinsic::smax : llvm::Intrinsic::umax, a, b);
    case BinaryOp::bit_and:
    case BinaryOp::logical_and:
      return build.CreateAnd(a, b);
    case BinaryOp::bit_or:
    case BinaryOp::logical_or:
      return build.CreateOr(a, b);
    case BinaryOp::bit_xor:
      return build.CreateXor(a, b);
    case BinaryOp::shl:
      return build.CreateShl(a, b);
    case BinaryOp::shr:
      return with_sign ? build.CreateAShr(a, b) : build.CreateLShr(a, b);
    case BinaryOp::lt:
      return with_sign ? build.CreateICmpSLT(a, b) : build.CreateICmpULT(a, b);
    case BinaryOp::le:
      return with_sign ? build.CreateICmpSLE(a, b) : build.CreateICmpULE(a, b);
    case BinaryOp::eq:
      return build.CreateICmpEQ(a, b);
    case BinaryOp::ne:
      return build.CreateICmpNE(a, b);
  }
  CHECK(false, "unknown binary operation {}", static_cast<int>(op));
}

Value* float_unary(Build& build, UnaryOp op, Value* a) {
  switch (op) {
    case UnaryOp::neg:
      return build.CreateFNeg(a);
    case UnaryOp::abs:
      return build.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, a);
    case UnaryOp::sqrt:
      return build.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, a);
    case UnaryOp::floor:
      return build.CreateUnaryIntrinsic(llvm::Intrinsic::floor, a);
    case UnaryOp::round_even:
      return build.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, a);
    default:
      break;
  }
  CHECK(false, "unary operation {} reached code generation", static_cast<int>(op));
}

// The saturating cast of f32 lanes by compares and selects: LLVM 19 takes the intrinsic apart lane by lane.
Value* lanes_to_integer(Build& build, DType to, Value* x, int lanes) {
  const int bits = 8 * bytes_of(to);
  const double top = std::ldexp(1.0, is_signed(to) ? bits - 1 : bits), lowest = is_signed(to) ? -top : 0;
  const auto number = [&](double v) { return llvm::ConstantFP::get(x->getType(), v); };
  llvm::Type* words = with_lanes(build.getInt32Ty(), lanes);
  Value* is_number = build.CreateFCmpORD(x, x);
  // Below 32 bits the largest value is a float of its own; at 32 bits the lanes that reach 2^31 are put right afterwards.
  const double most = bits < 32 ? top - 1 : 2147483520.0;
  Value* kept = build.CreateSelect(build.CreateFCmpOLT(x, number(most)), x, number(most));
  kept = build.CreateSelect(build.CreateFCmpOGT(kept, number(lowest)), kept, number(lowest));
  kept = build.CreateSelect(is_number, kept, number(0));
  Value* integer = build.CreateFPToSI(kept, words);
  if (bits == 32)
    return build.CreateSelect(build.CreateFCmpOGE(x, number(top)), llvm::ConstantInt::get(words, INT32_MAX), integer);
  return build.CreateTrunc(integer, with_lanes(element_type(build.getContext(), to), lanes));
}

Value* float_to_integer(Build& build, DType to, Value* value, int lanes) {
  const bool fits_words = bytes_of(to) < 4 || to == DType::i32;
  if (lanes > 1 && fits_words && value->getType()->getScalarType()->isFloatTy()) return lanes_to_integer(build, to, value, lanes);
  llvm::Type* result = with_lanes(element_type(build.getContext(), to), lanes);
  const auto intrinsic = is_signed(to) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
  return build.CreateIntrinsic(intrinsic, {result, value->getType()}, {value});
}

}  // namespace

llvm::Type* element_type(llvm::LLVMContext& context, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return llvm::Type::getFloatTy(context);
    case DType::f64:
      return llvm::Type::getDoubleTy(context);
    case DType::f16:
      return llvm::Type::getHalfTy(context);
    default:
      return llvm::Type::getIntNTy(context, static_cast<unsigned>(bytes_of(dtype) * 8));
  }
}

llvm::Type* memory_type(llvm::LLVMContext& context, Type type) {
  return with_lanes(element_type(context, type.dtype), type.lanes);
}

llvm::Type* register_type(llvm::LLVMContext& context, Type type) {
  if (type.dtype == DType::boolean) return with_lanes(llvm::Type::getInt1Ty(context), type.lanes);
  return memory_type(context, type);
}

Value* to_memory(Build& build, Type type, Value* value) {
  return type.dtype == DType::boolean ? build.CreateZExt(value, memory_type(build.getContext(), type)) : value;
}

Value* from_memory(Build& build, Type type, Value* value) {
  return type.dtype == DType::boolean ? build.CreateICmpNE(value, number(value->getType(), 0)) : value;
}

llvm::Constant* constant_value(llvm::LLVMContext& context, const ExprNode& node) {
  llvm::Type* type = register_type(context, node.type);
  if (node.type.dtype == DType::bf16) return llvm::ConstantInt::get(type, f32_to_bf16(static_cast<float>(node.real)));
  if (node.type.dtype == DType::f16) {
    const llvm::APFloat half(llvm::APFloat::IEEEhalf(), llvm::APInt(16, f32_to_f16(static_cast<float>(node.real))));
    return llvm::ConstantFP::get(type, half);
  }
  if (node.type.dtype == DType::f32) return llvm::ConstantFP::get(type, llvm::APFloat(static_cast<float>(node.real)));
  if (node.type.dtype == DType::f64) return llvm::ConstantFP::get(type, llvm::APFloat(node.real));
  if (node.type.dtype == DType::boolean) return llvm::ConstantInt::get(type, node.integer != 0);
  return llvm::ConstantInt::get(type, static_cast<uint64_t>(node.integer), is_signed(node.type.dtype));
}

Value* unary_value(Build& build, UnaryOp op, Type type, Value* a) {
  if (op == UnaryOp::logical_not) return build.CreateNot(a);
  if (is_half(type.dtype)) {
    return from_f32(build, type.dtype, float_unary(build, op, to_f32(build, type, a)), type.lanes);
  }
  if (is_float(type.dtype)) return float_unary(build, op, a);
  if (op == UnaryOp::neg) return build.CreateNeg(a);
  if (op == UnaryOp::abs && is_signed(type.dtype))
    return build.CreateBinaryIntrinsic(llvm::Intrinsic::abs, a, build.getFalse());
  CHECK(op == UnaryOp::abs || op == UnaryOp::floor || op == UnaryOp::round_even,
        "unary operation {} has no integer form", static_cast<int>(op));
  return a;
}

Value* binary_value(Build& build, BinaryOp op, Type type, Value* a, Value* b) {
  if (!is_float(type.dtype)) return integer_binary(build, op, is_signed(type.dtype), a, b);
  if (!is_half(type.dtype)) return float_binary(build, op, a, b);
  Value* result = float_binary(build, op, to_f32(build, type, a), to_f32(build, type, b));
  return is_comparison(op) ? result : from_f32(build, type.dtype, result, type.lanes);
}

Value* fma_value(Build& build, Type type, Value* a, Value* b, Value* c) {
  if (is_half(type.dtype)) {
    Value* fused = build.CreateIntrinsic(llvm::Intrinsic::fma, {with_lanes(build.getFloatTy(), type.lanes)},
                                         {to_f32(build, type, a), to_f32(build, type, b), to_f32(build, type, c)});
    return from_f32(build, type.dtype, fused, type.lanes);
  }
  return build.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c});
}

Value* cast_value(Build& build, Type from, DType to, Value* value) {
  if (from.dtype == to) return value;
  llvm::Type* result = register_type(build.getContext(), {to, from.lanes});
  const bool narrow = is_half(from.dtype);
  if (to == DType::boolean) {
    if (narrow) return cast_value(build, {DType::f32, from.lanes}, to, to_f32(build, from, value));
    if (is_float(from.dtype)) return build.CreateFCmpUNE(value, llvm::ConstantFP::get(value->getType(), 0.0));
    return build.CreateICmpNE(value, number(value->getType(), 0));
  }
  if (narrow) return cast_value(build, {DType::f32, from.lanes}, to, to_f32(build, from, value));
  if (is_half(to)) {
    Value* single = cast_value(build, from, DType::f32, value);
    return from_f32(build, to, single, from.lanes);
  }
  if (is_float(from.dtype)) {
    if (!is_float(to)) return float_to_integer(build, to, value, from.lanes);
    return to == DType::f64 ? build.CreateFPExt(value, result) : build.CreateFPTrunc(value, result);
  }
  if (is_float(to))
    return is_signed(from.dtype) ? build.CreateSIToFP(value, result) : build.CreateUIToFP(value, result);
  return is_signed(from.dtype) ? build.CreateSExtOrTrunc(value, result) : build.CreateZExtOrTrunc(value, result);
}

Value* ramp_value(Build& build, Type type, Value* base, Value* stride) {
  llvm::Type* element = element_type(build.getContext(), type.dtype);
  std::vector<llvm::Constant*> steps;
  for (int i = 0; i < type.lanes; ++i) steps.push_back(llvm::ConstantInt::get(element, static_cast<uint64_t>(i)));
  Value* offsets = build.CreateMul(llvm::ConstantVector::get(steps), build.CreateVectorSplat(type.lanes, stride));
  return build.CreateAdd(build.CreateVectorSplat(type.lanes, base), offsets);
}

Value* broadcast_value(Build& build, Value* a, int factor) {
  if (factor == 1) return a;
  const int lanes = lanes_of(a);
  if (lanes == 1) return build.CreateVectorSplat(static_cast<unsigned>(factor), a);
  const unsigned bits = a->getType()->getPrimitiveSizeInBits().getFixedValue();
  if (bits == 16 || bits == 32 || bits == 64) {
    // As one number: processors repeat numbers while they load them, and lanes of a small vector they do not.
    Value* whole =
        build.CreateVectorSplat(static_cast<unsigned>(factor), build.CreateBitCast(a, build.getIntNTy(bits)));
    return build.CreateBitCast(whole, with_lanes(a->getType()->getScalarType(), lanes * factor));
  }
  std::vector<int> order;
  for (int i = 0; i < lanes * factor; ++i) order.push_back(i % lanes);
  return build.CreateShuffleVector(a, order);
}

Value* interleave_value(Build& build, Value* a, int factor) {
  const int lanes = lanes_of(a);
  if (factor == 1) return a;
  if (lanes == 1) return build.CreateVectorSplat(static_cast<unsigned>(factor), a);
  std::vector<int> order;
  for (int i = 0; i < lanes * factor; ++i) order.push_back(i / factor);
  return build.CreateShuffleVector(a, order);
}

Value* reduce_value(Build& build, BinaryOp op, Type type, Value* a) {
  for (int lanes = type.lanes / 2; lanes >= 1; lanes /= 2) {
    std::vector<int> low, high;
    for (int i = 0; i < lanes; ++i) low.push_back(i), high.push_back(i + lanes);
    Value* left = lanes > 1 ? build.CreateShuffleVector(a, low) : build.CreateExtractElement(a, uint64_t{0});
    Value* right = lanes > 1 ? build.CreateShuffleVector(a, high) : build.CreateExtractElement(a, uint64_t{1});
    a = binary_value(build, op, type.with_lanes(lanes), left, right);
  }
  return a;
}

}  // namespace hearth
