// Checkpoint: a model as its author gave it; names -> mapped bytes, and a config. Hugging Face folder or GGUF file.
//
// Nothing is converted or copied: a Tensor points into a mapped file. GGUF names and metadata are translated into the
// Hugging Face dialect (config keys, tensor names), so that models/ reads one dialect; what cannot be said by a name is
// said in Tensor::row_order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"

namespace hearth {

// How a tensor's elements are stored: a plain element type ("f32", "f16", "bf16", "i8", "u8") or, for GGUF's blocks, the
// name of the quantization scheme in quant/ ("q8_0", "q4_0", "q4_k", "q5_k", "q6_k").
struct Storage {
  std::string name;
  int block = 1;               // elements a block, along the last axis
  int block_bytes = 0;         // bytes a block
};

enum class RowOrder {
  plain,
  rope_pairs,                  // GGUF llama-architecture q/k: rows permuted so that rotary pairs are neighbours
};

struct Tensor {
  Storage storage;
  std::vector<int64_t> shape;  // row-major, outermost first, as Hugging Face: [out, in]; a scalar is [1]
  Bytes bytes;                 // exactly rows * (shape.back()/block) * block_bytes
  RowOrder row_order = RowOrder::plain;
};

struct Checkpoint {
  std::string name;                              // for people: the folder's or file's name
  Json config;                                   // Hugging Face dialect (model_type, hidden_size, ...); for GGUF made from metadata
  std::map<std::string, Tensor> tensors;         // Hugging Face names: model.layers.0.self_attn.q_proj.weight
  std::string tokenizer_json;                    // text of tokenizer.json; "" if none. GGUF: see `vocab`
  Json vocab;                                    // GGUF: {model, pre, tokens, scores, types, merges, bos, eos, unk, add_bos, add_eos, add_space_prefix}; else null
  Json tokenizer_config;                         // {} if none; GGUF: {bos_token, eos_token, chat_template} as far as known
  Json generation_config;                        // {} if none
  std::string chat_template;                     // "" if none
  std::string source_format;                     // "safetensors" or "gguf"
  std::vector<MappedFile> files;                 // keeps the mappings alive
  std::string identity;                          // hash of names, types, shapes, config and sampled contents (for the cache)
};

// Opens a folder (config.json + model.safetensors or model.safetensors.index.json) or a `.gguf` file.
// Every offset, count and size is checked against the file before use. Errors: one line, `weights: ...`.
Result<Checkpoint> open_checkpoint(const std::string& path);

// Only what text/ needs of a model: tokenizer_json or vocab, the configs, chat_template; `tensors` stays empty. Takes a
// folder (weights and config.json may be missing), a tokenizer.json, or a `.gguf` of any architecture (vocabulary-only too).
Result<Checkpoint> open_tokenizer(const std::string& path);

// The two readers under it, for tests and fuzzers: they take bytes.
// read_safetensors leaves out I64 and BOOL tensors (counters and masks, never weights); other types are an error.
Result<Done> read_safetensors(Bytes file, std::string_view who, std::map<std::string, Tensor>& tensors);
Result<Done> read_gguf(Bytes file, std::string_view who, Checkpoint& into);

// Where is MODEL? An existing path as it is; else a name in the local Hugging Face hub cache layout
// (<hub>/models--org--name/snapshots/<revision>/) below each of `roots`. Error lists what was tried.
Result<std::string> find_model(const std::string& model, const std::vector<std::string>& roots);

}  // namespace hearth
