// Small words for writing schemes: constants, rounding, nibbles, and statements in order with names for values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/loop.h"

namespace hearth {

Expr f32(float value);                                   // a scalar f32 constant
Expr to_f32(Expr a);                                     // lanes kept
Expr magnitude(Expr a);                                  // |a|
std::optional<int64_t> known(const Expr& a);             // the value of an integer constant
Expr spread(Expr a, int lanes);                          // each lane repeated side by side until there are `lanes`

// The integer (i32) nearest to an f32 of magnitude below 2^22, ties to even. Larger and non-finite values give the same
// integers as adding 1.5 * 2^23 and reading the mantissa, which is how GGUF's encoders round.
Expr nearest_int(Expr a);
Expr clamp(Expr a, int low, int high);                   // min(max(a, low), high)

// Half `which` (0 low, 1 high) of bytes that hold two codes each.
Expr nibble(Expr bytes, Expr which);
// bytes >> amount, amount an i64 scalar.
Expr shift_right(Expr bytes, Expr amount);

// A vector kept in a local buffer: what a loop carries from one turn to the next.
struct Cell {
  Buffer buffer;
  Type type;
  Expr get() const { return load_as(type, buffer, 0); }
  Stmt set(Expr value) const { return store(buffer, 0, value); }
};

// Statements in the order they are added. A name or a local buffer made on the way is known to all that follows.
class Steps {
 public:
  Expr let(const std::string& name, Expr value);
  Buffer local(const std::string& name, DType dtype, int64_t elements);
  Cell cell(const std::string& name, Type type);
  Cell cell(const std::string& name, Expr first);        // with its first value
  void add(Stmt stmt);
  Stmt done() const;

 private:
  struct Step {
    std::string name;            // of a let
    Expr value;                  // of a let
    Buffer buffer;               // of a local buffer
    Stmt stmt;                   // else
  };
  std::vector<Step> steps_;
};

// The value of the largest magnitude among buffer[0, count), the first of equals; +0 where all are zero
// or NaN. count is a multiple of 16.
Expr largest(Steps& steps, const std::string& name, Buffer values, int count);

}  // namespace hearth
