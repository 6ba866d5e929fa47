// Loop IR: what a kernel does, as loops over flat buffers with vector types; every code generator starts here.
//
// Laws:
//  - Expressions are pure. A Load reads memory; everything else is arithmetic. Integer arithmetic wraps; i64 is the index type.
//  - Integer div and mod round toward minus infinity. Float arithmetic is IEEE, never reassociated or contracted: what is
//    fused says fma. So the interpreter and native code agree bit for bit, whatever the thread count.
//  - A vector value has `lanes` > 1. Unary/binary/fma/select/cast work lane by lane and need equal lanes.
//  - Indices count elements of the *loaded or stored* element type from the buffer's start, so a byte buffer can be read
//    as f16. A vector access with a scalar index is contiguous; with a vector index it is a gather/scatter.
//  - A mask (boolean, same lanes) makes lanes that are false read 0 / write nothing, and never touch memory there.
//  - A parallel loop's iterations are independent. On a CPU a kernel's body is one parallel loop (perhaps under lets).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "ir/dim.h"

namespace hearth {

struct Type {
  DType dtype = DType::f32;
  int lanes = 1;
  bool operator==(const Type&) const = default;
  Type with_lanes(int n) const { return {dtype, n}; }
};
inline constexpr Type kIndex{DType::i64, 1};

// A flat array. Global buffers are kernel parameters; local ones are made by Alloc and live in registers or on the stack.
struct BufferNode {
  std::string name;
  DType dtype = DType::f32;
  bool local = false;
  int64_t local_size = 0;        // elements, local only
};
using Buffer = std::shared_ptr<const BufferNode>;      // identity is the pointer
Buffer global_buffer(std::string name, DType dtype);
Buffer local_buffer(std::string name, DType dtype, int64_t elements);

enum class ExprKind {
  constant,      // number (integer in `integer`, float in `real`), broadcast to its lanes
  var,           // loop variable or let name; i64 unless bound by a let of another type
  size,          // a named size of the program, i64
  unary,
  binary,
  fma,           // a*b + c, rounded once (floats)
  select,        // condition ? a : b, lane by lane
  cast,          // float<->int truncates toward zero and saturates; f32->f16/bf16 rounds to nearest even
  bitcast,       // same total bits
  load,          // args: index [, mask]
  ramp,          // base, base+stride, ...: args base, stride (scalars)
  broadcast,     // args: a of L lanes -> L*factor lanes, repeated whole: [a a a ...]
  reduce,        // lanes -> scalar, sum as ((v0+v4)+(v2+v6))+...: see reduce_tree below
  dot4,          // acc + sum of 4 (or 8) products: acc i32xN, a {u8,i8}x4N (or x8N), b i8 as many; exact in 32 bits
  dot2,          // acc + 2 products: acc i32xN, a i16x2N, b i16x2N, wrapping; or f32xN, bf16x2N, bf16x2N, see below
  interleave,    // repeat each lane: a of L lanes -> L*factor lanes [a0 a0 .. a1 a1 ..]
};
// dot2 of bf16, lane i: fma(a[2i], b[2i], fma(a[2i+1], b[2i+1], acc[i])), the odd product first, each fma rounded to nearest even. Denormal
// operands count as zeros of their sign, and so does what a sum rounded to 24 bits would be below 2^-126: as vdpbf16ps does it.
// reduce: halves are folded, v[i] = op(v[i], v[i + n/2]), n = lanes/2, ... until one is left; lanes is a power of two.

enum class UnaryOp { neg, abs, sqrt, exp, log, sin, cos, tanh, erf, floor, round_even, logical_not };
enum class BinaryOp { add, sub, mul, div, mod, min, max, bit_and, bit_or, bit_xor, shl, shr, lt, le, eq, ne, logical_and, logical_or };
// shr is arithmetic for signed types, logical for unsigned. Comparisons give boolean lanes.
// Float min/max: min(a,b) = a < b ? a : b (so b when either is NaN); max(a,b) = a > b ? a : b.

struct ExprNode;
class Expr {
 public:
  Expr() = default;
  Expr(int value);                                   // NOLINT: i64 constant
  Expr(int64_t value);                               // NOLINT
  Expr(const Dim& dim);                              // NOLINT: its integer expression
  explicit Expr(std::shared_ptr<const ExprNode> node) : node_(std::move(node)) {}
  const ExprNode* operator->() const { return node_.get(); }
  const ExprNode& operator*() const { return *node_; }
  explicit operator bool() const { return node_ != nullptr; }
  const ExprNode* id() const { return node_.get(); }

 private:
  std::shared_ptr<const ExprNode> node_;
};

struct ExprNode {
  ExprKind kind = ExprKind::constant;
  Type type;
  int64_t integer = 0;           // constant (integers, booleans)
  double real = 0;               // constant (floats)
  std::string name;              // var, size
  UnaryOp unary = UnaryOp::neg;
  BinaryOp binary = BinaryOp::add;       // binary; reduce: add, min or max
  std::vector<Expr> args;
  Buffer buffer;                 // load
};

// Builders. They infer types, CHECK that operands agree, and fold integer constants (x+0, x*1, 2*3, x/1, x%1, known select).
Expr constant(Type type, double value);
Expr constant_int(Type type, int64_t value);
Expr var(std::string name, Type type = kIndex);
Expr size_expr(std::string name);
Expr unary(UnaryOp op, Expr a);
Expr binary(BinaryOp op, Expr a, Expr b);
Expr fma(Expr a, Expr b, Expr c);
Expr select(Expr condition, Expr a, Expr b);
Expr cast(Type type, Expr a);                        // lanes must agree; nothing when already of that type
Expr cast(DType dtype, Expr a);
Expr bitcast(Type type, Expr a);
Expr load(Buffer buffer, Expr index, Expr mask = {});                          // element type of the buffer; lanes of the index
Expr load_as(Type type, Buffer buffer, Expr index, Expr mask = {});            // see the law of indices
Expr ramp(Expr base, Expr stride, int lanes);
Expr broadcast(Expr a, int factor);                  // nothing when factor is 1
Expr interleave(Expr a, int factor);
Expr reduce(BinaryOp op, Expr a);                    // nothing when scalar
Expr dot4(Expr acc, Expr a, Expr b);
Expr dot2(Expr acc, Expr a, Expr b);
Expr rebuild(const ExprNode& node, std::vector<Expr> args);    // the same node with other operands (types inferred anew)

Expr operator+(Expr a, Expr b);                      // a scalar operand is broadcast to the other's lanes; an i64
Expr operator-(Expr a, Expr b);                      // constant takes the other's type
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
Expr operator%(Expr a, Expr b);
Expr operator&(Expr a, Expr b);
Expr operator|(Expr a, Expr b);
Expr operator^(Expr a, Expr b);
Expr operator<<(Expr a, Expr b);
Expr operator>>(Expr a, Expr b);
Expr operator<(Expr a, Expr b);
Expr operator<=(Expr a, Expr b);
Expr operator==(Expr a, Expr b);
Expr operator!=(Expr a, Expr b);
Expr operator-(Expr a);
Expr min(Expr a, Expr b);
Expr max(Expr a, Expr b);

enum class StmtKind {
  block,         // children in order
  loop,          // for var in [0, extent): child
  let,           // var = value in child
  store,         // buffer[index] = value [where mask]; args: index, value [, mask]
  when,          // if condition: children[0], else children[1] (may be absent)
  alloc,         // a local buffer, zero-filled is NOT promised, in child
  prefetch,      // asks for the memory near buffer[index], which may lie outside; changes nothing; args: index (scalar)
  barrier,       // all threads of a group (GPU)
  extern_call,   // library kernel; args are its operands, `name` its symbol
};
enum class LoopKind {
  serial,
  parallel,      // iterations are independent and go to threads
  independent,   // iterations are independent, one thread: they may be interleaved (unroll and jam)
  vector,        // iterations are independent and go to lanes
  unrolled,      // serial, and a constant to formulas
  group, thread, // GPU axes
};

struct StmtNode;
using Stmt = std::shared_ptr<const StmtNode>;
struct StmtNode {
  StmtKind kind = StmtKind::block;
  std::string name;              // loop, let: variable; extern_call: symbol
  LoopKind loop = LoopKind::serial;
  std::vector<Expr> args;        // loop: extent; let: value; store: index, value[, mask]; prefetch: index; when: condition
  std::vector<Stmt> children;
  Buffer buffer;                 // store, alloc, prefetch
};

Stmt block(std::vector<Stmt> children);              // flattens blocks, drops empty ones
Stmt loop(std::string var, Expr extent, LoopKind kind, Stmt body);
Stmt let(std::string var, Expr value, Stmt body);
Stmt store(Buffer buffer, Expr index, Expr value, Expr mask = {});             // index counts elements of value's type
Stmt prefetch(Buffer buffer, Expr index);            // index counts elements of the buffer's type
// What prefetches go by: a line of a cache (a smaller one is asked for twice, which is harmless), how far ahead of a stream.
inline constexpr int64_t kLineBytes = 64, kAheadBytes = 8192;
Stmt when(Expr condition, Stmt then, Stmt otherwise = nullptr);
Stmt alloc(Buffer buffer, Stmt body);

enum class Access { read, write, read_write };
struct KernelParam {
  Buffer buffer;
  Access access = Access::read;
};

// One function of the program. Called as name(buffers in this order, sizes, first, last): it runs iterations
// [first, last) of its outermost parallel loop; `extent` is that loop's extent.
struct Kernel {
  std::string name;
  std::vector<KernelParam> params;
  Dim extent = 1;
  Stmt body;
};

enum class Role { input, output, state, weight, scratch };
struct ProgramBuffer {
  std::string name;
  DType dtype = DType::f32;
  Dim elements;
  Role role = Role::scratch;
  int64_t offset = -1;           // bytes into the arena, from the memory plan; scratch, input and output only
};

// A kernel chosen at run time: the first variant whose guard holds (at_least <= size <= at_most).
struct Variant {
  std::string kernel;
  Dim size = 0;
  int64_t at_least = 0;
  int64_t at_most = 0;
};
struct Launch {
  std::vector<Variant> variants;
  std::vector<std::string> buffers;      // names in Program::buffers, in the kernels' parameter order
};

struct Program {
  std::vector<SizeDecl> sizes;           // order = the `sizes` array given to kernels
  std::vector<ProgramBuffer> buffers;
  std::vector<Kernel> kernels;
  std::vector<Launch> launches;
  int64_t arena_bytes = 0;

  const Kernel* find_kernel(std::string_view name) const;
  const ProgramBuffer* find_buffer(std::string_view name) const;
};

}  // namespace hearth
