// An op: its shape rule and what it means as loops. One op, one file, found by its folder.
//
// Lowering works by kernels. A kernel has at most one op with loops of its own (a contraction, a row op or a whole kernel);
// injective ops before it are inlined where it reads (Emit::read), injective ops after it where it finishes an element
// (Emit::finish). So an op says what it does with elements and rows and never sees who it is fused with.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "ir/loop.h"

namespace hearth {

using Index = std::vector<Expr>;         // one i64 expression per axis

enum class OpClass {
  source,        // param, input, state, constant, weight: bytes from elsewhere
  prepare,       // works on weights only (encode, concat_rows, pack); split_by_time moves it out of the step
  injective,     // each element from elements: `element`
  row_reduce,    // [..., K] -> [..., 1]: `reduce`
  row,           // a row from a row, loops within it: `row`
  contraction,   // finishes each element of [rows, columns] once, any order: `kernel`
  kernel,        // a kernel of its own; operands must lie in memory: `kernel`
  effect,        // stores its operand into a state: elements one by one: `write`, or else row by row: `row`
};

// A weight operand as its readers see it: rows in panels, columns in blocks, a block's elements on nested axes.
// Panel, row in panel, block and axes are i64; formulas come from the quantization scheme and the layout.
struct WeightView {
  int panel_rows = 1;
  int word = 4;                          // codes of a row that lie together
  int block = 1;                         // elements a block
  std::vector<int> axes = {1};           // their sizes multiply to `block`
  struct At {
    Expr panel, row, block;
    Index axes;                          // the last is the base of `lanes` neighbours
  };
  std::function<Expr(const At&, int lanes)> value;       // f32
  std::function<Expr(const At&)> pair;                   // a block of two bf16 as stored; empty: it is none
  // The affine integer view: value = scale * (code - zero) + offset; scale and offset do not depend on the last axis.
  std::function<Expr(const At&, int lanes)> code;        // u8 or i8; empty: no integer view
  std::function<Expr(const At&)> scale, offset;          // f32; offset empty: none
  int code_min = 0, code_max = 0, zero = 0;
  Buffer bytes;                          // where all panels lie, one after the other
  int64_t panel_bytes = 0;
};

// What lowering offers to an op's loops.
class Emit {
 public:
  virtual ~Emit() = default;
  virtual Expr read(Value operand, const Index& at) = 0;             // an element; inlined formula or a load
  virtual Buffer buffer(Value operand, Access access) = 0;           // the memory of an operand that lies in memory
  virtual WeightView weight(Value operand) = 0;                      // operand produced by op "weight" (perhaps under "decode")
  virtual Stmt finish(const Index& at, Expr value) = 0;              // an element of the op's result goes on its way
  virtual Buffer result() = 0;                                       // for ops that write their result's memory themselves
  virtual std::string fresh(std::string_view name) = 0;              // a variable name not used before in this kernel
  virtual const TensorType& type(Value value) = 0;
  const TensorType& type_of(const Node& node) const { return node.type; }
  // How this target multiplies bytes: the code's bias and the type dot4 wants for it.
  virtual bool dot_wants_unsigned() = 0;
  // How many vectors of 16 f32 the registers hold.
  virtual int wide_registers() = 0;
};

struct KernelBody {
  Dim extent;
  Stmt body;                             // one parallel loop
};

struct Op {
  std::string name;
  OpClass kind = OpClass::injective;
  std::function<Result<TensorType>(const Node&, std::span<const TensorType>)> shape;
  std::function<Expr(Emit&, const Node&, const Index&)> element;             // injective
  std::function<Stmt(Emit&, const Node&, const Index& row, Buffer out)> reduce;   // row_reduce: out[0] = ...
  std::function<Stmt(Emit&, const Node&, const Index& row)> row;             // row; effect without `write`
  std::function<KernelBody(Emit&, const Node&)> kernel;                      // contraction, kernel
  std::function<Stmt(Emit&, const Node&, const Index&, Expr)> write;         // effect
};

const Op* find_op(std::string_view name);        // nullptr if there is none
const Op& op_of(const Node& node);               // CHECKs
std::vector<std::string> op_names();

// Every op known, operand counts and shape rules hold, types as recorded. Errors name the node.
Result<Done> verify(const Graph& graph);

// Builds a graph, inferring types; remembers the first failure instead of stopping.
class Build {
 public:
  Value operator()(const std::string& op, std::vector<Value> args, Attrs attrs = {});
  Result<Graph> finish() &&;
  const TensorType& type(Value value) const { return graph.type(value); }

  Graph graph;
  std::optional<Error> failure;
};

}  // namespace hearth
