// aarch64-i8mm: 64-bit ARM that multiplies tiles of bytes (servers since 2020, phones and laptops since 2021).
#include "base/set.h"
#include "targets/target.h"

namespace hearth {

HEARTH_SET_MEMBER(target, aarch64_i8mm)
Target aarch64_i8mm() {
  return {
      .name = "aarch64-i8mm",
      .triple = "aarch64-unknown-linux-gnu",
      .cpu = "generic",
      .features = "+neon,+fullfp16,+dotprod,+i8mm",
      .vector_bytes = 16,
      .vector_registers = 32,
      .dot4 = Dot4::signed_signed,
      .byte_tiles = true,
  };
}

}  // namespace hearth
