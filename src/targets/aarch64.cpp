// aarch64: 64-bit ARM with NEON and half floats (ARMv8.2-A).
#include "base/set.h"
#include "targets/target.h"

namespace hearth {

HEARTH_SET_MEMBER(target, aarch64)
Target aarch64() {
  return {
      .name = "aarch64",
      .triple = "aarch64-unknown-linux-gnu",
      .cpu = "generic",
      .features = "+neon,+fullfp16",
      .vector_bytes = 16,
      .vector_registers = 32,
      .dot4 = Dot4::none,
  };
}

}  // namespace hearth
