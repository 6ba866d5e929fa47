// Values: loop types as LLVM types, and the arithmetic of single nodes with their exact semantics.
//
// In registers a boolean is i1, a bf16 its 16 bits as an integer, an f16 LLVM's half; the rest is what it is.
// In memory a boolean is a byte. Arithmetic on 16-bit floats is done in f32 and rounded once.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <vector>

#include "ir/loop.h"
#include "targets/target.h"

namespace hearth {

llvm::Type* register_type(llvm::LLVMContext& context, Type type);
llvm::Type* memory_type(llvm::LLVMContext& context, Type type);
llvm::Type* element_type(llvm::LLVMContext& context, DType dtype);  // in memory
llvm::Value* to_memory(llvm::IRBuilder<>& build, Type type, llvm::Value* value);
llvm::Value* from_memory(llvm::IRBuilder<>& build, Type type, llvm::Value* value);

llvm::Constant* constant_value(llvm::LLVMContext& context, const ExprNode& node);
llvm::Value* unary_value(llvm::IRBuilder<>& build, UnaryOp op, Type type, llvm::Value* a);
// `type` is that of the operands; comparisons give i1 lanes.
llvm::Value* binary_value(llvm::IRBuilder<>& build, BinaryOp op, Type type, llvm::Value* a, llvm::Value* b);
llvm::Value* fma_value(llvm::IRBuilder<>& build, Type type, llvm::Value* a, llvm::Value* b, llvm::Value* c);
llvm::Value* cast_value(llvm::IRBuilder<>& build, Type from, DType to, llvm::Value* value);

llvm::Value* ramp_value(llvm::IRBuilder<>& build, Type type, llvm::Value* base, llvm::Value* stride);
llvm::Value* broadcast_value(llvm::IRBuilder<>& build, llvm::Value* a, int factor);
llvm::Value* interleave_value(llvm::IRBuilder<>& build, llvm::Value* a, int factor);
llvm::Value* reduce_value(llvm::IRBuilder<>& build, BinaryOp op, Type type, llvm::Value* a);

// acc + sums of four products of bytes; `a` is u8 or i8, `b` i8. Exact on every target.
llvm::Value* dot4_value(llvm::IRBuilder<>& build, const Target& target, DType a_dtype, llvm::Value* acc, llvm::Value* a,
                        llvm::Value* b);
// The same for several products added to one sum, of four bytes a lane or eight.
struct DotTerm {
  DType a_dtype = DType::u8;
  llvm::Value *a = nullptr, *b = nullptr;
  // Where lanes are tiles, columns by two rows: 8 bytes of each column (i64) and 8 of each row; `a` and `b` repeat them.
  llvm::Value *columns = nullptr, *rows = nullptr;
};
llvm::Value* dot4_chain_value(llvm::IRBuilder<>& build, const Target& target, llvm::Value* acc,
                              const std::vector<DotTerm>& terms);
// As dot4_chain_value, for eight bytes a lane.
llvm::Value* dot8_chain_value(llvm::IRBuilder<>& build, const Target& target, llvm::Value* acc,
                              const std::vector<DotTerm>& terms);

// acc + two products: of bf16, by vdpbf16ps or as it would do it, or of i16 where `acc` is of integers.
llvm::Value* dot2_value(llvm::IRBuilder<>& build, const Target& target, llvm::Value* acc, llvm::Value* a, llvm::Value* b);

}  // namespace hearth
