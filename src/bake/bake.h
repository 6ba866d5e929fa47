// bake(): a checkpoint becomes an artifact; the way on one page.
#pragma once

#include <functional>
#include <string>

#include "artifact/artifact.h"
#include "base/result.h"
#include "targets/target.h"
#include "weights/checkpoint.h"

namespace hearth {

struct BakeProgress {
  std::string stage;             // "compile", "weights"
  double done = 0, total = 0;    // kernels, bytes
};

struct Order {
  std::string model;             // folder or .gguf (find_model has been asked already)
  std::string quant;             // "": as the file is (GGUF), or chosen by size (16-bit weights); else "none" or a scheme
  std::string kv;                // what keys and values are kept as: "f16" (also "") or "q8_0"
  std::string activations;       // how rows meet bf16 weights: "i16" (also ""; f32 on targets without), "f32", or "bf16"
  bool adapters = false;         // every layer's matrices take LoRA adapters, chosen row by row (docs/STEP.md)
  std::string target = "native";
  std::string out;               // path of the artifact
  std::string dump;              // folder for the IR after each pass; "": none
  int threads = 0;               // 0: all
  std::function<void(const BakeProgress&)> on_progress;      // may be empty
  // Turns a GGUF vocabulary (Checkpoint::vocab) into the text of a tokenizer.json; given by who links text/, which
  // belongs to the other tower. Empty: such a file is baked without a tokenizer.
  std::function<Result<std::string>(const Json& vocab)> make_tokenizer;
};

// Bakes and writes `order.out`.
Result<Done> bake(const Order& order);
// What an unspecified --quant becomes for this checkpoint: "none", a scheme's name, or "as stored" for GGUF.
Result<std::string> chosen_quant(const Checkpoint& checkpoint, const std::string& asked);
// Names the artifact in a cache: hash of weights identity + target + quant + KV and activation types + adapters + compiler version.
Result<std::string> cache_key(const Checkpoint& checkpoint, const Order& order);
// The IR after the named pass ("graph" and "loops" are the last ones of each level), as text, for `show --ir`.
Result<std::string> ir_after(const Order& order, const std::string& pass);
std::vector<std::string> pass_names();

}  // namespace hearth
