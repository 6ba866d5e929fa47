// A quantization scheme: how a block of numbers is kept in bytes, as formulas. One scheme, one file.
//
// A row of weights is cut into blocks of `block` elements. A block is a record of named fields (arrays of small integers or
// f16), in the order and packing of GGUF. Elements of a block are addressed by nested axes, outermost first, whose
// sizes multiply to `block`; the last axis runs inside a group that shares scale and offset, so
//     value(k) = scale(axes) * (code(axes) - zero) + offset(axes)
// where scale, offset do not depend on the last axis. Formulas never compute addresses: they read fields through
// `Fields`, and a Layout (layout.h) decides where a field's element of a row lies. So one formula serves GGUF's
// row order, panels for any vector width, and the interpreter.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/loop.h"

namespace hearth {

struct Field {
  std::string name;
  DType dtype = DType::u8;
  int count = 1;                         // elements a block
};

// Reads element `index` of a field of the block at hand. `lanes` > 1 asks for that many neighbours as a vector.
using ReadField = std::function<Expr(int field, Expr index, int lanes)>;
using Axes = std::vector<Expr>;          // one index for each axis, the last one possibly the base of `lanes` elements

struct Scheme {
  std::string name;                      // "q4_0"
  int block = 1;
  std::vector<Field> fields;
  std::vector<int> axes;                 // {2, 16}: k = 16*a0 + a1

  // Codes of `lanes` neighbours along the last axis, u8 or i8 (see code_min, code_max), BEFORE subtracting zero.
  std::function<Expr(const ReadField&, const Axes&, int lanes)> code;
  int code_min = 0, code_max = 0, zero = 0;
  std::function<Expr(const ReadField&, const Axes&)> scale;      // f32
  std::function<Expr(const ReadField&, const Axes&)> offset;     // f32; empty: none

  // encode: statements that read the block's values from `values` (local f32 buffer, `block` elements, in order of k) and write
  // the block's bytes, GGUF order, into `bytes` (local u8 buffer, block_bytes()).
  std::function<Stmt(Buffer values, Buffer bytes)> encode;

  int block_bytes() const;
  int field_offset(int field) const;     // bytes from the block's start, GGUF order
  int group() const { return axes.back(); }
};

// f32 values of `lanes` neighbours along the last axis: scale * (code - zero) + offset, in this exact order of operations.
Expr decode(const Scheme& scheme, const ReadField& read, const Axes& at, int lanes);

const Scheme* find_scheme(std::string_view name);        // nullptr if there is none
std::vector<std::string> scheme_names();

}  // namespace hearth
