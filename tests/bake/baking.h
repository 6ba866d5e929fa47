// Baking in tests: scratch folders, fixtures and made-up models, and engines over what was baked.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bake/bake.h"
#include "engine/engine.h"
#include "engine/step.h"
#include "tests/support/gguf_writer.h"

namespace hearth::test {

// A folder that goes away with its owner.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

inline std::string fixture(const std::string& name) { return HEARTH_ROOT "/tests/fixtures/models/" + name; }
inline std::string ember() { return HEARTH_ROOT "/models/ember"; }

Json json_at(const std::string& path);

// golden.safetensors: each tensor's float32 values.
std::map<std::string, std::vector<float>> golden_tensors(const std::string& folder);

// Bakes `model` into the scratch folder under a name of its own and opens it; EXPECTs that it works.
Artifact baked(const Scratch& scratch, const std::string& model, const std::string& quant,
               const std::string& target = "native", const std::string& kv = "", const std::string& activations = "");

struct Steps {
  int threads = 2;
  int64_t chunk = 256;
};
Engine engine_of(const Artifact& artifact, const Steps& steps = {});

std::vector<float> logits_of(Engine& engine, const std::vector<int32_t>& ids);  // every row
std::vector<int32_t> greedy_of(Engine& engine, const std::vector<int32_t>& prompt, int64_t count);
// The last row's logits after prefilling by chunks.
std::vector<float> last_logits_of(const Artifact& artifact, const std::vector<int32_t>& ids, const Steps& steps);

// "" if equal bit for bit, else the first place that is not.
std::string bits_differ(std::span<const float> got, std::span<const float> want);
float largest_difference(std::span<const float> got, std::span<const float> want);
float range_of(std::span<const float> values);  // largest - smallest

struct NamedTensor {
  std::string name, dtype;  // "F32", "BF16", "F16", "I32"
  std::vector<int64_t> shape;
  std::string bytes;
};
void write_folder(const std::string& folder, const Json& config, const std::vector<NamedTensor>& tensors);

// Every parameter of a config's family with random values, bfloat16 matrices and float32 vectors.
std::vector<NamedTensor> random_tensors(const Json& config, uint32_t seed);
// A llama of two layers: `hidden` columns everywhere but in mlp.down_proj, which has `ffn`.
Json small_llama(int64_t hidden, int64_t ffn, int64_t vocabulary = 96);

// The same model as a GGUF; see gguf_writer.h.
std::string write_gguf(const Scratch& scratch, const std::string& name, const std::string& model_folder,
                       const GgufOptions& options);

// Blocks of a scheme by its own kernels, and the values they stand for.
std::string encoded(const std::string& scheme, std::span<const float> values);
std::vector<float> decoded(const std::string& scheme, const std::string& blocks, size_t count);

// For write_gguf: matrices as blocks of a scheme.
GgufOptions block_options(const std::string& scheme);

std::vector<int32_t> some_ids(int64_t count, int64_t vocabulary, uint32_t seed = 7);

}  // namespace hearth::test
