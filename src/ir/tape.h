// Tape: a kernel compiled for the interpreter, as flat lists of steps over one frame of memory.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/lanes.h"
#include "ir/loop.h"

namespace hearth {

enum class StepKind {
  one,
  two,
  fma,
  select,
  broadcast,
  interleave,
  reduce,
  dot4,
  dot2,
  dot2_i16,
  load,
  gather,
  store,
  scatter,
  fill,
  fail
};

// One operation. Operands and result are offsets into the frame; values lie there as in memory.
struct TapeStep {
  StepKind kind = StepKind::one;
  int32_t lanes = 1;  // of the result, or of the operand of reduce
  int32_t bytes = 0;  // of one element
  int32_t out = 0, a = 0, b = 0, c = 0;
  int32_t mask = -1;   // load, gather, store, scatter; -1: all lanes
  int32_t buffer = 0;  // fail: index of its message
  union {
    UnaryFn one = nullptr;
    BinaryFn two;
    FmaFn fma;
    ReduceFn reduce;
  };
  int64_t unsigned_a = 0;  // dot4: a holds u8
  int32_t products = 0;    // dot4: of each lane
};

// Steps, then a loop or a branch over them, in order.
struct TapeItem {
  enum class Kind { steps, loop, top_loop, branch } kind = Kind::steps;
  std::vector<TapeStep> steps;
  int32_t value = 0;  // loop: extent; branch: condition
  int32_t var = 0;
  std::vector<TapeItem> body, otherwise;
};

struct TapeBuffer {
  std::string name;
  std::byte* data = nullptr;
  int64_t bytes = 0;
};

struct Tape {
  std::string kernel;
  std::vector<TapeItem> items;
  std::vector<std::byte> frame;                // constants and sizes are filled in
  std::vector<TapeBuffer> buffers;             // parameters, then locals
  std::vector<std::vector<std::byte>> locals;  // what the local buffers point to
  std::vector<std::string> failures;
};

Result<Tape> compile_tape(const Kernel& kernel, const std::map<std::string, int64_t>& sizes);

}  // namespace hearth
