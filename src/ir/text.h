// Loop programs as text and back, and the verifier: print(parse(print(p))) == print(p).
//
//   size tokens in [1, 512]
//   buffer x f32 [tokens * 16] input
//   kernel scale(read a f32, write y f32) extent tokens {
//     parallel t < size tokens {
//       let r f32 = a[t * 16] * 1.5f32;
//       alloc acc f32 [16];
//       vector l < 16 {
//         acc[l] = fma(r, a[t * 16 + l], 1f32);
//       }
//       y[t * 16] = acc:f32x16[0];
//     }
//   }
//   launch scale (x, z)
//
// The exact grammar is written down in docs/IR.md.
#pragma once

#include <string>
#include <string_view>

#include "ir/loop.h"

namespace hearth {

std::string print(const Expr& expr);
std::string print(const Stmt& stmt, int indent = 0);
std::string print(const Kernel& kernel);
std::string print(const Program& program);

// Errors give line and column and what was expected.
Result<Program> parse_program(std::string_view text);
Result<Kernel> parse_kernel(std::string_view text);

// Types, scopes, lanes, element types of stores, local bounds where constant, one parallel loop at the top of a kernel,
// launches whose buffers match their kernels' parameters. The first broken law, with the offending node printed.
Result<Done> verify(const Program& program);
Result<Done> verify(const Kernel& kernel);

}  // namespace hearth
