// The kernels that code generation is tried on, whatever runs them.
#pragma once

#include <functional>

#include "native_run.h"

namespace hearth {

// out[i] = make(in0[i], in1[i], ...): each input a vector of its type.
Trial elementwise(const std::string& name, const std::vector<Type>& inputs,
                  const std::function<Expr(const std::vector<Expr>&)>& make);
// A kernel over one parallel loop `i`.
Trial parallel_trial(std::string name, std::vector<KernelParam> params, std::vector<int64_t> elements,
                     int64_t iterations, Stmt body);

Trials arithmetic_trials(const std::vector<int>& lanes);  // unary, binary, fma, select over every type
Trials division_trials();
Trials cast_trials(const std::vector<int>& lanes);
Trials lane_trials();  // broadcast, interleave, ramp, reduce, bitcast
Trials dot4_trials();
Trials dot2_trials();
Trials constant_trials();
Trials memory_trials();                          // masks, gathers, scatters, bytes read as other types
Trials statement_trials();                       // loops of each kind, locals, when, let, sizes
Trials random_trials(int count, uint32_t seed);  // kernels made by chance

}  // namespace hearth
