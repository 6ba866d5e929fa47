// Scratch folders, made-up models and engines.
#include "baking.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <random>

#include "base/native_code.h"
#include "codegen/code.h"
#include "models/model.h"
#include "quant/prepare_kernels.h"

namespace hearth::test {

Scratch::Scratch() {
  folder_ = (std::filesystem::temp_directory_path() / "hearth-bakeXXXXXX").string();
  EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Json json_at(const std::string& path) {
  const auto text = read_file(path);
  EXPECT_TRUE(text.ok()) << text.message();
  const auto json = parse_json(text.ok() ? *text : "{}", path);
  EXPECT_TRUE(json.ok()) << json.message();
  return json.ok() ? *json : Json::object();
}

std::map<std::string, std::vector<float>> golden_tensors(const std::string& folder) {
  std::map<std::string, std::vector<float>> out;
  std::map<std::string, Tensor> tensors;
  const auto file = MappedFile::open(folder + "/golden.safetensors");
  EXPECT_TRUE(file.ok()) << file.message();
  if (!file.ok()) return out;
  const auto done = read_safetensors(file->bytes(), "golden", tensors);
  EXPECT_TRUE(done.ok()) << done.message();
  for (const auto& [name, tensor] : tensors) out[name] = floats_of(tensor);
  return out;
}

Artifact baked(const Scratch& scratch, const std::string& model, const std::string& quant, const std::string& target,
               const std::string& kv, const std::string& activations) {
  const std::string name =
      fmt::format("{}-{}-{}-{}.hearth", std::filesystem::path(model).filename().string(), quant, target, activations);
  const Order order{.model = model,
                    .quant = quant,
                    .kv = kv,
                    .activations = activations,
                    .target = target,
                    .out = scratch.path(name)};
  const auto done = bake(order);
  EXPECT_TRUE(done.ok()) << done.message();
  const auto artifact = Artifact::open(order.out);
  EXPECT_TRUE(artifact.ok()) << artifact.message();
  return artifact.ok() ? *artifact : Artifact();
}

Engine engine_of(const Artifact& artifact, const Steps& steps) {
  auto device = open_device("cpu", {.threads = steps.threads});
  EXPECT_TRUE(device.ok()) << device.message();
  const auto engine = Engine::open(artifact, std::move(*device), {.chunk = steps.chunk});
  EXPECT_TRUE(engine.ok()) << engine.message();
  return engine.ok() ? *engine : Engine();
}

std::vector<float> logits_of(Engine& engine, const std::vector<int32_t>& ids) {
  std::vector<float> all;
  const auto done = engine.logits(
      ids, [&](int64_t, std::span<const float> rows) { all.insert(all.end(), rows.begin(), rows.end()); });
  EXPECT_TRUE(done.ok()) << done.message();
  return all;
}

std::vector<int32_t> greedy_of(Engine& engine, const std::vector<int32_t>& prompt, int64_t count) {
  Request request{.prompt = prompt, .max_new = count, .ignore_end = true};
  request.sampler.temperature = 0;
  std::vector<int32_t> ids;
  const auto done =
      engine.generate(request, [&](const Event& event) { ids.insert(ids.end(), event.ids.begin(), event.ids.end()); });
  EXPECT_TRUE(done.ok()) << done.message();
  return ids;
}

std::vector<float> last_logits_of(const Artifact& artifact, const std::vector<int32_t>& ids, const Steps& steps) {
  const int64_t count = static_cast<int64_t>(ids.size()), pages = (count + 15) / 16;
  auto device = open_device("cpu", {.threads = steps.threads});
  EXPECT_TRUE(device.ok()) << device.message();
  auto executable = Executable::load(std::move(*device), artifact, {{"pages", pages}});
  EXPECT_TRUE(executable.ok()) << executable.message();
  if (!executable.ok()) return {};
  const auto limits = step_limits(artifact.interface());
  EXPECT_TRUE(limits.ok()) << limits.message();
  Step step(std::move(*executable), *limits);
  std::vector<int32_t> page_list(static_cast<size_t>(pages));
  std::iota(page_list.begin(), page_list.end(), 0);
  const std::span<const int32_t> all(ids);
  for (int64_t at = 0; at < count; at += steps.chunk) {
    const StepPart part{
        .ids = all.subspan(at, std::min(steps.chunk, count - at)), .first = at, .pages = page_list, .wanted = 1};
    const auto done = step.run({&part, 1});
    EXPECT_TRUE(done.ok()) << done.message();
  }
  const std::span<const float> values = step.logits().values;
  return {values.begin(), values.end()};
}

std::string bits_differ(std::span<const float> got, std::span<const float> want) {
  if (got.size() != want.size()) return fmt::format("got {} numbers, want {}", got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    if (std::bit_cast<uint32_t>(got[i]) != std::bit_cast<uint32_t>(want[i]))
      return fmt::format("number {}: got {:.9g}, want {:.9g}", i, got[i], want[i]);
  return "";
}

float largest_difference(std::span<const float> got, std::span<const float> want) {
  if (got.size() != want.size()) return INFINITY;
  float most = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const float difference = std::fabs(got[i] - want[i]);
    if (!(difference <= most)) most = std::isnan(difference) ? INFINITY : difference;
  }
  return most;
}

float range_of(std::span<const float> values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return *most - *least;
}

void write_folder(const std::string& folder, const Json& config, const std::vector<NamedTensor>& tensors) {
  std::filesystem::create_directories(folder);
  Json header = Json::object();
  std::string data;
  for (const NamedTensor& tensor : tensors) {
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {data.size(), data.size() + tensor.bytes.size()}}};
    data += tensor.bytes;
  }
  std::string text = dump(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  const std::string file = std::string(reinterpret_cast<const char*>(&length), 8) + text + data;
  EXPECT_TRUE(write_file(folder + "/model.safetensors", file).ok());
  EXPECT_TRUE(write_file(folder + "/config.json", dump(config)).ok());
}

std::vector<NamedTensor> random_tensors(const Json& config, uint32_t seed) {
  std::vector<NamedTensor> tensors;
  const auto model = build_model({config, {}});
  EXPECT_TRUE(model.ok()) << model.message();
  if (!model.ok()) return tensors;
  std::mt19937 random(seed);
  std::map<std::string, bool> seen;
  for (const Node& node : model->graph.nodes) {
    if (node.op != "param" || seen[node.text("name")]) continue;
    seen[node.text("name")] = true;
    const std::vector<double>& shape = node.reals("shape");
    const bool matrix = shape.size() == 2, norm = node.text("name").find("norm") != std::string::npos;
    const float spread = matrix ? 1.7f / std::sqrt(static_cast<float>(shape[1])) : 0.1f;
    std::vector<float> values(static_cast<size_t>(matrix ? shape[0] * shape[1] : shape[0]));
    for (float& value : values)
      value = static_cast<float>(static_cast<int32_t>(random())) * 0x1p-31f * spread + (norm ? 1.0f : 0.0f);
    tensors.push_back({node.text("name"),
                       matrix ? "BF16" : "F32",
                       {shape.begin(), shape.end()},
                       encode_plain(values, matrix ? ggml::kBF16 : ggml::kF32)});
  }
  return tensors;
}

Json small_llama(int64_t hidden, int64_t ffn, int64_t vocabulary) {
  return {{"model_type", "llama"},    {"hidden_size", hidden},         {"num_hidden_layers", 2},
          {"num_attention_heads", 4}, {"num_key_value_heads", 2},      {"head_dim", hidden / 4},
          {"intermediate_size", ffn}, {"vocab_size", vocabulary},      {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},    {"max_position_embeddings", 256}};
}

std::string write_gguf(const Scratch& scratch, const std::string& name, const std::string& model_folder,
                       const GgufOptions& options) {
  const auto checkpoint = open_checkpoint(model_folder);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.message();
  const std::string path = scratch.path(name + ".gguf");
  if (!checkpoint.ok()) return path;
  EXPECT_TRUE(write_file(path, gguf_of(*checkpoint, options)).ok());
  return path;
}

namespace {

using KernelFn = void(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last);

// A kernel compiled for this machine, once a process: tests ask for the same few again and again.
KernelFn* compiled(const std::string& name, const std::function<Kernel()>& make) {
  static std::map<std::string, NativeCode> made;
  if (!made.count(name)) {
    Kernel kernel = make();
    kernel.name = "row";
    const Program program{.sizes = {{"rows", 0, 1}, {"columns", 0, int64_t{1} << 40}}, .kernels = {kernel}};
    const auto code = emit(program, *find_target("native"), 1);
    EXPECT_TRUE(code.ok()) << code.message();
    const auto native = NativeCode::load(Bytes(code->bytes));
    EXPECT_TRUE(native.ok()) << native.message();
    made.emplace(name, *native);
  }
  return made.at(name).find_as<KernelFn>("row");
}

void run_row(KernelFn* kernel, const void* in, void* out, int64_t columns) {
  void* const buffers[] = {const_cast<void*>(in), out};
  const int64_t sizes[] = {1, columns};
  kernel(buffers, sizes, 0, 1);
}

}  // namespace

std::string encoded(const std::string& scheme, std::span<const float> values) {
  const Scheme& found = *find_scheme(scheme);
  std::string blocks(values.size() / static_cast<size_t>(found.block) * static_cast<size_t>(found.block_bytes()), '\0');
  KernelFn* kernel = compiled("encode " + scheme, [&] { return encode_kernel(found, DType::f32); });
  run_row(kernel, values.data(), blocks.data(), static_cast<int64_t>(values.size()));
  return blocks;
}

std::vector<float> decoded(const std::string& scheme, const std::string& blocks, size_t count) {
  std::vector<float> values(count);
  KernelFn* kernel = compiled("decode " + scheme, [&] { return decode_kernel(*find_scheme(scheme)); });
  run_row(kernel, blocks.data(), values.data(), static_cast<int64_t>(count));
  return values;
}

GgufOptions block_options(const std::string& scheme) {
  static const std::map<std::string, uint32_t> kTypes = {{"q4_0", ggml::kQ4_0},
                                                         {"q8_0", ggml::kQ8_0},
                                                         {"q4_k", ggml::kQ4_K},
                                                         {"q5_k", ggml::kQ5_K},
                                                         {"q6_k", ggml::kQ6_K}};
  return {.type = kTypes.at(scheme),
          .encode = [scheme](std::span<const float> values, int64_t) { return encoded(scheme, values); }};
}

std::vector<int32_t> some_ids(int64_t count, int64_t vocabulary, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(random() % static_cast<uint32_t>(vocabulary)));
  return ids;
}

}  // namespace hearth::test
