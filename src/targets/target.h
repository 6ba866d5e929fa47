// Target: facts about the machine code is made for. Passes ask facts, never names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

enum class Dialect { llvm_cpu };
// How the machine multiplies bytes four at a time: not at all (emulated), unsigned*signed, signed*signed.
enum class Dot4 { none, unsigned_signed, signed_signed };

struct Target {
  std::string name;              // "x86-64-v4", as written in files and flags
  Dialect dialect = Dialect::llvm_cpu;
  std::string triple;            // "x86_64-unknown-linux-gnu"
  std::string cpu;               // LLVM's -mcpu
  std::string features;          // LLVM's -mattr, comma separated
  int vector_bytes = 16;         // widest register worth using
  int vector_registers = 16;
  Dot4 dot4 = Dot4::none;
  bool bf16_dot = false;         // multiplies two bf16 a lane at once
  bool i16_dot = false;          // and two i16
  bool byte_tiles = false;       // multiplies 2 columns by 2 rows of 8 bytes at once
  int lanes_f32() const { return vector_bytes / 4; }
  // One of dot4's operands may be four bytes of another register for all lanes, so that four loads become one.
  bool dot4_by_lane() const { return dot4 == Dot4::signed_signed; }
};

// "native" describes the machine we run on; else a name from the folder. Errors list the known names.
Result<Target> find_target(std::string_view name);
std::vector<std::string> target_names();
// Can code for `target` run on this machine? An error says which feature is missing.
Result<Done> runs_here(const Target& target);

}  // namespace hearth
