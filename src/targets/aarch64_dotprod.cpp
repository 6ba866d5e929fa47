// aarch64-dotprod: 64-bit ARM with byte dot products (phones and servers since 2018).
#include "base/set.h"
#include "targets/target.h"

namespace hearth {

HEARTH_SET_MEMBER(target, aarch64_dotprod)
Target aarch64_dotprod() {
  return {
      .name = "aarch64-dotprod",
      .triple = "aarch64-unknown-linux-gnu",
      .cpu = "generic",
      .features = "+neon,+fullfp16,+dotprod",
      .vector_bytes = 16,
      .vector_registers = 32,
      .dot4 = Dot4::signed_signed,
  };
}

}  // namespace hearth
