// The same weights as GGUF and as safetensors; quantized files as they are and decoded.
#include <set>

#include "baking.h"

namespace hearth::test {
namespace {

void expect_same_as_folder(const std::string& name, uint32_t type, const std::string& activations) {
  const Scratch scratch;
  const std::string file = write_gguf(scratch, name, fixture(name), {.type = type});
  const std::vector<int32_t> ids = json_at(fixture(name) + "/golden.json")["long_ids"];
  Engine from_folder = engine_of(baked(scratch, fixture(name), "none", "native", "", activations));
  Engine from_file = engine_of(baked(scratch, file, "", "native", "", activations));
  EXPECT_EQ(bits_differ(logits_of(from_file, ids), logits_of(from_folder, ids)), "") << name;
}

// The fixtures' weights are bfloat16; float32 holds them whole, and where rows stay f32 every kernel widens before it
// multiplies.
TEST(Gguf, F32IsTheFolderBitForBit) {
  for (const char* name : {"llama", "qwen2"}) expect_same_as_folder(name, ggml::kF32, "f32");
}
TEST(Gguf, BF16IsTheFolderBitForBit) {
  for (const char* name : {"mistral", "qwen3"}) expect_same_as_folder(name, ggml::kBF16, "");
}

// Half floats lose bfloat16's smallest weights: close, and the same greedy ids where the reference is sure.
TEST(Gguf, F16GivesTheSameTokens) {
  const Scratch scratch;
  const Json golden = json_at(fixture("llama") + "/golden.json");
  const auto truth = golden_tensors(fixture("llama"));
  Engine engine = engine_of(baked(scratch, write_gguf(scratch, "half", fixture("llama"), {.type = ggml::kF16}), ""));
  EXPECT_LE(largest_difference(logits_of(engine, golden["prompt_ids"]), truth.at("prompt_logits")), 5e-3f);
  EXPECT_EQ(greedy_of(engine, golden["prompt_ids"], 24), golden["greedy_ids"].get<std::vector<int32_t>>());
}

// GGUF keeps the factors of llama3's scaling in float32: a frequency inside the smooth band may round the other way, so
// angles differ by a part in 2^23 and logits in their last digits; tokens do not.
TEST(Gguf, Llama3IsTheFolderButForOneRounding) {
  const Scratch scratch;
  const Json golden = json_at(fixture("llama3") + "/golden.json");
  const std::vector<int32_t> ids = golden["long_ids"];
  Engine from_folder = engine_of(baked(scratch, fixture("llama3"), "none", "native", "", "f32"));
  Engine from_file =
      engine_of(baked(scratch, write_gguf(scratch, "llama3", fixture("llama3"), {}), "", "native", "", "f32"));
  const std::vector<float> truth = logits_of(from_folder, ids);
  EXPECT_LE(largest_difference(logits_of(from_file, ids), truth), 2e-4f * range_of(truth));
  EXPECT_EQ(greedy_of(from_file, golden["prompt_ids"], 24), greedy_of(from_folder, golden["prompt_ids"], 24));
}

// A GGUF holds what `--quant` makes of the folder; permuted rows are encoded row by row, so both are the same bytes.
TEST(Gguf, QuantizedFilesAreQuantizedFoldersBitForBit) {
  const Scratch scratch;
  const std::string model = scratch.path("tiny");
  const Json config = small_llama(256, 256);
  write_folder(model, config, random_tensors(config, 22));
  const std::vector<int32_t> ids = some_ids(20, 96);
  for (const char* scheme : {"q8_0", "q4_k"}) {
    Engine from_folder = engine_of(baked(scratch, model, scheme));
    const std::string file = write_gguf(scratch, scheme, model, block_options(scheme));
    const Artifact artifact = baked(scratch, file, "");
    EXPECT_EQ(artifact.interface().model.details["quant"], "as stored");
    Engine from_file = engine_of(artifact);
    EXPECT_EQ(bits_differ(logits_of(from_file, ids), logits_of(from_folder, ids)), "") << scheme;
  }
}

// Q4_K with Q6_K and Q8_0 as llama.cpp's mixes, norms in F32: runs, and is the decoded weights' model but for what
// rounding activations to 8 bits adds (a part in 254 of each group's peak a product, averaging out over a row).
TEST(Gguf, MixedFilesMatchTheirDecodedWeights) {
  const Scratch scratch;
  const std::string model = scratch.path("tiny");
  const Json config = small_llama(256, 256);
  std::vector<NamedTensor> tensors = random_tensors(config, 23);
  write_folder(model, config, tensors);
  GgufWriter out;
  const auto checkpoint = open_checkpoint(model);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.message();
  add_config(out, checkpoint->config);
  add_test_vocab(out, checkpoint->config);
  for (NamedTensor& tensor : tensors) {
    std::vector<float> values = floats_of(checkpoint->tensors.at(tensor.name));
    const bool q = tensor.name.find(".q_proj.") != std::string::npos,
               k = tensor.name.find(".k_proj.") != std::string::npos;
    const bool matrix = tensor.shape.size() == 2;
    const std::string scheme =
        tensor.name.find("embed") != std::string::npos                                                     ? "q8_0"
        : tensor.name.find("down") != std::string::npos || tensor.name.find("v_proj") != std::string::npos ? "q6_k"
                                                                                                           : "q4_k";
    tensor.dtype = "F32";
    tensor.bytes = encode_plain(values, ggml::kF32);
    if (matrix) tensor.bytes = encode_plain(decoded(scheme, encoded(scheme, values), values.size()), ggml::kF32);
    if (q || k) values = permute_rows(values, tensor.shape[0], q ? 4 : 2);
    out.tensor(gguf_name(tensor.name), tensor.shape, matrix ? block_options(scheme).type : ggml::kF32,
               matrix ? encoded(scheme, values) : encode_plain(values, ggml::kF32));
  }
  ASSERT_TRUE(write_file(scratch.path("mixed.gguf"), out.finish()).ok());
  write_folder(scratch.path("decoded"), config, tensors);
  const Artifact artifact = baked(scratch, scratch.path("mixed.gguf"), "");
  Engine mixed = engine_of(artifact), decoded_engine = engine_of(baked(scratch, scratch.path("decoded"), "none"));
  const std::vector<int32_t> ids = some_ids(40, 96);
  const std::vector<float> truth = logits_of(decoded_engine, ids), got = logits_of(mixed, ids);
  EXPECT_LE(largest_difference(got, truth), 0.05f * range_of(truth));
  EXPECT_NE(bits_differ(got, truth), "");
  std::set<std::string> schemes;
  for (const Json& part : artifact.interface().model.details["classes"])
    schemes.insert(part["scheme"].get<std::string>());
  EXPECT_EQ(schemes, (std::set<std::string>{"f32", "q4_k", "q6_k", "q8_0"}));
}

}  // namespace
}  // namespace hearth::test
