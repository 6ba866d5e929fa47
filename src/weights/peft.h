// PEFT: reads a folder with a LoRA adapter (adapter_config.json, adapter_model.safetensors) into numbers in float32.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth {

// y += scale * up * (down * x), added to the product with the matrix `name`.
struct PeftMatrix {
  std::string name;  // "model.layers.0.self_attn.q_proj"
  int64_t rank = 0, inputs = 0, outputs = 0;
  float scale = 1;          // alpha / rank; alpha / sqrt(rank) with use_rslora
  std::vector<float> down;  // lora_A: [rank, inputs]
  std::vector<float> up;    // lora_B: [outputs, rank]
};

// Matrices in the order of their names. Whatever would change answers and is not a plain LoRA of the layers' q_proj,
// k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj is an error that names the key or the tensor. Keys of
// rank_pattern and alpha_pattern are names of modules or ends of them; regular expressions beyond that are refused.
Result<std::vector<PeftMatrix>> read_peft(const std::string& folder);

}  // namespace hearth
