// x86-64-v4: AVX-512 machines without byte dot products.
#include "base/set.h"
#include "targets/target.h"

namespace hearth {

HEARTH_SET_MEMBER(target, x86_64_v4)
Target x86_64_v4() {
  return {
      .name = "x86-64-v4",
      .triple = "x86_64-unknown-linux-gnu",
      .cpu = "x86-64-v4",
      .features =
          "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe,+popcnt,"
          "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,-prefer-256-bit",
      .vector_bytes = 64,
      .vector_registers = 32,
      .dot4 = Dot4::none,
  };
}

}  // namespace hearth
