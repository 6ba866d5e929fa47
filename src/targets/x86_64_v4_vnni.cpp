// x86-64-v4-vnni: AVX-512 machines with byte dot products and bfloat16 (Cooper Lake, Zen 4 and later).
#include "base/set.h"
#include "targets/target.h"

namespace hearth {

HEARTH_SET_MEMBER(target, x86_64_v4_vnni)
Target x86_64_v4_vnni() {
  return {
      .name = "x86-64-v4-vnni",
      .triple = "x86_64-unknown-linux-gnu",
      .cpu = "x86-64-v4",
      .features =
          "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe,+popcnt,"
          "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx512vnni,+avx512bf16,-prefer-256-bit",
      .vector_bytes = 64,
      .vector_registers = 32,
      .dot4 = Dot4::unsigned_signed,
      .bf16_dot = true,
      .i16_dot = true,
  };
}

}  // namespace hearth
