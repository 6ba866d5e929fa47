// Shape rules that several ops share, and their errors.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "ir/graph.h"
#include "ops/op.h"

namespace hearth {

// "matmul: operand 1: got f32 [4], want 2 axes"
Error wrong_operand(const Node& node, int operand, const TensorType& got, const std::string& want);
Result<Done> want_operands(const Node& node, std::span<const TensorType> args, size_t count);
Result<Done> want_axes(const Node& node, std::span<const TensorType> args, int operand, size_t axes);
// Right-aligned broadcasting; axes of size 1 stretch.
Result<TensorType> broadcast_shapes(const Node& node, std::span<const TensorType> args);

// The index into an operand of `type` for the element `at` of a result it stretches to.
Index stretched(const TensorType& type, const Index& at);
// The widest power of two, at most `most`, that divides a row of `columns` elements.
int lanes_dividing(const Dim& columns, int most);

}  // namespace hearth
