// x86-64-v3: AVX2 machines of the last decade.
#include "base/set.h"
#include "targets/target.h"

namespace hearth {

HEARTH_SET_MEMBER(target, x86_64_v3)
Target x86_64_v3() {
  return {
      .name = "x86-64-v3",
      .triple = "x86_64-unknown-linux-gnu",
      .cpu = "x86-64-v3",
      .features = "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe,+popcnt",
      .vector_bytes = 32,
      .vector_registers = 16,
      .dot4 = Dot4::none,
  };
}

}  // namespace hearth
