// A quantization scheme: how a block of numbers is kept in bytes, as formulas. One scheme, one file.
//
// A row of weights is cut into blocks of `block` elements. A block is a record of named fields (arrays of small
// integers or f16), in the order and packing of GGUF. Elements of a block are addressed by nested axes, outermost first, whose
// sizes multiply to `block`; the last axis runs inside a group that shares scale and offset, so
//     value(k) = scale(axes) * (code(axes) - zero) + offset(axes)
// where scale, offset do not depend on the last axis. Formulas never compute addresses: they read fields through
// `Fields`, and a Layout (layout.h) decides where a field's element of a row lies. So one formula serves GGUF's
// row order, panels for any vector width, and the interpreter. A formula may be asked with a ReadField that reads R
// rows at once (R*lanes lanes, rows outermost): it takes lanes from what it reads, never from `lanes` itself.
//
// To add a scheme: write src/quant/<name>.cpp with HEARTH_SET_MEMBER(scheme, <name>) at the start of a line and a
// function `Scheme <name>()` that fills every member below (q4_0.cpp is a short example; quant/formula.h has the small
// words).
// tests/quant walks every scheme; where another program defines the bytes, add what it makes of tests/quant/inputs.h as
// tests/fixtures/quant/<name>.bin. Nothing else names a scheme: flags, layouts, baking and matmuls use find_scheme().
// Choose axes so that with constant outer axes all selects and shifts fold, and `code` is one or two bit operations.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/loop.h"

namespace hearth {

struct Field {
  std::string name;
  DType dtype = DType::u8;
  int count = 1;                         // elements a block
  int slices = 1;                        // equal parts that panels keep apart; fields in one piece come first
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

  // encode: statements that read the block's values from `values` (local f32 buffer, `block` elements, in order of k)
  // and write the block's bytes, GGUF order, into `bytes` (local u8 buffer, block_bytes()).
  std::function<Stmt(Buffer values, Buffer bytes)> encode;

  // How panels keep a block where reading it in GGUF's order would jump: a scheme with the same codes, scales and
  // offsets in as many bytes, its fields in slices that follow the axes. arrange: one block of GGUF's bytes (local u8)
  // -> its bytes.
  std::shared_ptr<const Scheme> in_panels;
  std::function<Stmt(Buffer from, Buffer to)> arrange;

  int block_bytes() const;
  int field_offset(int field) const;     // bytes from the block's start, GGUF order
  int group() const { return axes.back(); }
};

// f32 values of `lanes` neighbours along the last axis: scale * (code - zero) + offset, in exactly this order.
// Where `read` reads R rows at once: R*lanes values, rows outermost.
Expr decode(const Scheme& scheme, const ReadField& read, const Axes& at, int lanes);

const Scheme* find_scheme(std::string_view name);        // nullptr if there is none
std::vector<std::string> scheme_names();

}  // namespace hearth
