// What each operation computes, lane by lane over raw arrays; folding and the interpreter share it and cannot disagree.
//
// f16 and bf16 are computed in float32 and rounded to nearest even after each operation. Integers wrap.
#pragma once

#include "ir/loop.h"

namespace hearth {

using UnaryFn = void (*)(const void* a, void* out, int lanes);
// False when a lane divides by zero or shifts by less than 0 or by the type's bits or more.
using BinaryFn = bool (*)(const void* a, const void* b, void* out, int lanes);
using FmaFn = void (*)(const void* a, const void* b, const void* c, void* out, int lanes);
using ReduceFn = void (*)(const void* a, void* out, int lanes);  // lanes is a power of two

// nullptr when the operation is not defined for the type.
UnaryFn unary_fn(UnaryOp op, DType type);
BinaryFn binary_fn(BinaryOp op, DType type);  // comparisons write booleans
UnaryFn cast_fn(DType from, DType to);
FmaFn fma_fn(DType type);
ReduceFn reduce_fn(BinaryOp op, DType type);
// a and b hold 2 * lanes elements, bf16 as their bits.
void dot2_lanes(const float* acc, const uint16_t* a, const uint16_t* b, float* out, int lanes);
void dot2_lanes(const uint32_t* acc, const int16_t* a, const int16_t* b, uint32_t* out, int lanes);

bool is_comparison(BinaryOp op);

// The element a constant node stands for, as it lies in memory, and back.
void write_element(DType type, int64_t integer, double real, void* out);
void read_element(DType type, const void* from, int64_t* integer, double* real);

// The type of a node from its operands, or the law it breaks. Constants, variables, sizes and loads are checked as
// given.
Result<Type> type_of(const ExprNode& node);
inline constexpr int kMaxLanes = 1024;

// The simpler equal of a well-typed node, or nothing. Never changes a bit of a float.
Expr fold(const ExprNode& node);

// The rule of the infix operators: an i64 constant takes the other's type, a scalar the other's lanes.
void agree(Expr* a, Expr* b);
// The operator for these operands: & and | of booleans are logical.
BinaryOp infix_op(BinaryOp op, DType type);

}  // namespace hearth
