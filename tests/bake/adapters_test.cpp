// LoRA adapters and hidden states of whole models: against merged weights, the interpreter, and the step without them.
#include <cmath>
#include <random>

#include "baking.h"
#include "ir/interpret.h"
#include "ir/text.h"

namespace hearth::test {
namespace {

constexpr int64_t kPages = 8, kSlots = 3, kRank = 6;

struct Matrix {
  int64_t inputs = 0, outputs = 0, rank = 0;
  std::vector<float> down, up;  // [rank, inputs], [outputs, rank]
};
using Lora = std::map<std::string, Matrix>;

// Random numbers for every matrix of the layers, large enough to change answers.
Lora random_lora(const Checkpoint& checkpoint, int64_t rank, uint32_t seed) {
  std::mt19937 random(seed);
  const auto numbers = [&](int64_t count, float spread) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(static_cast<int32_t>(random())) * 0x1p-31f * spread;
    return values;
  };
  Lora lora;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (!name.starts_with("model.layers.") || tensor.shape.size() != 2) continue;
    const int64_t outputs = tensor.shape[0], inputs = tensor.shape[1];
    const float spread = 1 / std::sqrt(static_cast<float>(inputs));
    lora[name.substr(0, name.size() - 7)] = {inputs, outputs, rank, numbers(rank * inputs, spread),
                                             numbers(outputs * rank, 0.3f)};
  }
  return lora;
}

Checkpoint checkpoint_of(const std::string& model) {
  auto checkpoint = open_checkpoint(model);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.message();
  return checkpoint.ok() ? std::move(*checkpoint) : Checkpoint();
}

// The model with W + up * down in place of W, all in f32.
void write_merged(const std::string& folder, const Checkpoint& checkpoint, const Lora& lora) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    std::vector<float> values = floats_of(tensor);
    const auto found = lora.find(name.substr(0, name.size() - 7));
    if (found != lora.end()) {
      const Matrix& m = found->second;
      for (int64_t o = 0; o < m.outputs; ++o)
        for (int64_t i = 0; i < m.inputs; ++i) {
          double sum = values[o * m.inputs + i];
          for (int64_t r = 0; r < m.rank; ++r)
            sum += static_cast<double>(m.up[o * m.rank + r]) * m.down[r * m.inputs + i];
          values[o * m.inputs + i] = static_cast<float>(sum);
        }
    }
    tensors.push_back({name, "F32", tensor.shape, encode_plain(values, ggml::kF32)});
  }
  write_folder(folder, checkpoint.config, tensors);
}

Artifact adaptable(const Scratch& scratch, const std::string& model, const std::string& quant) {
  // Rows in f32: what is compared here are adapters, within less than a product of bf16 weights in integers is off by.
  const Order order{
      .model = model, .quant = quant, .activations = "f32", .adapters = true, .out = scratch.path("adaptable.hearth")};
  const auto done = bake(order);
  EXPECT_TRUE(done.ok()) << done.message();
  const auto artifact = Artifact::open(order.out);
  EXPECT_TRUE(artifact.ok()) << artifact.message();
  return artifact.ok() ? *artifact : Artifact();
}

// Rows of sequences that all start, two pages each; every row's logits and hidden states are wanted.
struct Rows {
  std::vector<int32_t> ids, positions, seq, adapter, every;
  int64_t sequences = 0;

  void add(const std::vector<int32_t>& more, int32_t slot) {
    for (size_t i = 0; i < more.size(); ++i) {
      every.push_back(static_cast<int32_t>(ids.size()));
      ids.push_back(more[i]);
      positions.push_back(static_cast<int32_t>(i));
      seq.push_back(static_cast<int32_t>(sequences));
      adapter.push_back(slot);
    }
    ++sequences;
  }
  SizeValues sizes(bool adapted) const {
    const auto count = static_cast<int64_t>(ids.size());
    SizeValues sizes = {{"tokens", count}, {"rows", count}, {"embeds", count}, {"seqs", sequences}, {"table", 2}};
    if (adapted) sizes["adapters"] = kSlots, sizes["rank"] = kRank;
    return sizes;
  }
};

struct Answer {
  std::vector<float> logits, hidden;
};

using Memory = std::map<std::string, std::vector<std::byte>>;

template <class T>
std::vector<std::byte> bytes_of_all(const std::vector<T>& values) {
  const Bytes bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

// Inputs, and states that hold the adapters by slot, padded to kRank.
Memory memory_of(const Rows& rows, const std::vector<Lora>& adapters, bool adapted) {
  std::vector<int32_t> table;
  for (int32_t page = 0; page < 2 * rows.sequences; ++page) table.push_back((page + 3) % static_cast<int32_t>(kPages));
  Memory memory = {{"ids", bytes_of_all(rows.ids)},          {"positions", bytes_of_all(rows.positions)},
                   {"seq", bytes_of_all(rows.seq)},          {"page_table", bytes_of_all(table)},
                   {"logit_rows", bytes_of_all(rows.every)}, {"embed_rows", bytes_of_all(rows.every)}};
  if (!adapted) return memory;
  memory["adapter"] = bytes_of_all(rows.adapter);
  std::map<std::string, std::vector<float>> states;
  for (size_t slot = 0; slot < adapters.size(); ++slot)
    for (const auto& [name, m] : adapters[slot]) {
      std::vector<float>&down = states["lora." + name + ".down"], &up = states["lora." + name + ".up"];
      down.resize(static_cast<size_t>(kSlots * kRank * m.inputs));
      up.resize(static_cast<size_t>(kSlots * m.outputs * kRank));
      std::copy(m.down.begin(), m.down.end(), down.begin() + slot * kRank * m.inputs);
      for (int64_t o = 0; o < m.outputs; ++o)
        std::copy_n(m.up.begin() + o * m.rank, m.rank, up.begin() + (slot * m.outputs + o) * kRank);
    }
  for (const auto& [name, values] : states) memory[name] = bytes_of_all(values);
  return memory;
}

Answer answer_of(const Artifact& artifact, const Rows& rows, const std::vector<Lora>& adapters, int threads = 2) {
  Answer answer;
  const bool adapted = !adapters.empty();
  auto device = open_device("cpu", {.threads = threads});
  EXPECT_TRUE(device.ok()) << device.message();
  SizeValues fixed = {{"pages", kPages}};
  if (adapted) fixed["adapters"] = kSlots, fixed["rank"] = kRank;
  auto loaded = Executable::load(std::move(*device), artifact, fixed);
  EXPECT_TRUE(loaded.ok()) << loaded.message();
  if (!loaded.ok()) return answer;
  for (const auto& [name, bytes] : memory_of(rows, adapters, adapted)) {
    const auto written = loaded->write(name, bytes);
    EXPECT_TRUE(written.ok()) << written.message();
  }
  const auto done = loaded->run(rows.sizes(adapted));
  EXPECT_TRUE(done.ok()) << done.message();
  const auto limits = step_limits(artifact.interface());
  EXPECT_TRUE(limits.ok()) << limits.message();
  if (!limits.ok()) return answer;
  answer.logits.resize(rows.ids.size() * limits->vocabulary);
  answer.hidden.resize(rows.ids.size() * limits->hidden);
  EXPECT_TRUE(loaded->read("logits", std::as_writable_bytes(std::span(answer.logits))).ok());
  EXPECT_TRUE(loaded->read("hidden", std::as_writable_bytes(std::span(answer.hidden))).ok());
  return answer;
}

std::vector<float> part(const std::vector<float>& all, size_t rows, size_t first, size_t count) {
  const size_t width = all.size() / rows;
  return {all.begin() + first * width, all.begin() + (first + count) * width};
}

class Adapters : public testing::TestWithParam<std::string> {};

TEST_P(Adapters, AreWhatMergedWeightsAre) {
  const Scratch scratch;
  const Checkpoint checkpoint = checkpoint_of(fixture(GetParam()));
  const Lora lora = random_lora(checkpoint, 4, 3), other = random_lora(checkpoint, kRank, 4);
  ASSERT_EQ(lora.size() % 7, 0u);
  write_merged(scratch.path("merged"), checkpoint, lora);
  Rows rows;
  rows.add(some_ids(11, 512), 1);
  const Answer want = answer_of(baked(scratch, scratch.path("merged"), "none", "native", "", "f32"), rows, {});
  const Answer plain = answer_of(baked(scratch, fixture(GetParam()), "none", "native", "", "f32"), rows, {});
  const Answer got = answer_of(adaptable(scratch, fixture(GetParam()), "none"), rows, {other, lora});
  const float range = range_of(want.logits);  // sums in another order round some keys and values to another f16
  EXPECT_LT(largest_difference(got.logits, want.logits), 2e-4f * range);
  EXPECT_LT(largest_difference(got.hidden, want.hidden), 2e-4f * range_of(want.hidden));
  EXPECT_GT(largest_difference(plain.logits, want.logits), 0.02f * range) << "an adapter too weak to be missed";
}

// Adapters of different rank and none side by side: as each sequence alone, and as the step baked without adapters.
TEST_P(Adapters, MixInOneStep) {
  const Scratch scratch;
  const Checkpoint checkpoint = checkpoint_of(fixture(GetParam()));
  const std::vector<Lora> adapters = {random_lora(checkpoint, 4, 3), random_lora(checkpoint, kRank, 4),
                                      random_lora(checkpoint, 1, 5)};
  for (const char* quant : {"none", "q8_0"}) {
    const Artifact artifact = adaptable(scratch, fixture(GetParam()), quant);
    Rows all;
    std::vector<Rows> alone;
    std::vector<size_t> first;
    for (const auto& [count, slot] : {std::pair{5, 1}, {3, -1}, {1, 2}, {9, 0}}) {
      const std::vector<int32_t> ids = some_ids(count, 512, static_cast<uint32_t>(count));
      first.push_back(all.ids.size());
      all.add(ids, slot);
      alone.emplace_back().add(ids, slot);
    }
    const Answer together = answer_of(artifact, all, adapters, 3);
    const size_t total = all.ids.size();
    for (size_t i = 0; i < alone.size(); ++i) {
      const Answer want = answer_of(artifact, alone[i], adapters, 1);
      const size_t count = alone[i].ids.size();
      EXPECT_EQ(bits_differ(part(together.logits, total, first[i], count), want.logits), "") << quant << ", " << i;
      EXPECT_EQ(bits_differ(part(together.hidden, total, first[i], count), want.hidden), "") << quant << ", " << i;
    }
    const Answer without = answer_of(baked(scratch, fixture(GetParam()), quant, "native", "", "f32"), all, {});
    EXPECT_EQ(bits_differ(part(together.logits, total, first[1], 3), part(without.logits, total, first[1], 3)), "")
        << quant;
    EXPECT_NE(bits_differ(part(together.logits, total, first[0], 5), part(without.logits, total, first[0], 5)), "")
        << quant;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Adapters, testing::Values("llama", "mistral", "qwen2", "qwen3"),
                         [](const auto& info) { return info.param; });

// A GGUF keeps rows of queries and keys in another order; adapters know only the Hugging Face one.
TEST(AdaptersOfGguf, AreInTheOrderOfTheFolder) {
  const Scratch scratch;
  const Checkpoint checkpoint = checkpoint_of(fixture("llama"));
  const std::vector<Lora> adapters = {random_lora(checkpoint, 4, 3)};
  const std::string gguf = write_gguf(scratch, "llama", fixture("llama"), {.type = ggml::kF32});
  ASSERT_EQ(checkpoint_of(gguf).tensors.at("model.layers.0.self_attn.q_proj.weight").row_order, RowOrder::rope_pairs);
  Rows rows;
  rows.add(some_ids(7, 512), 0);
  const Answer want = answer_of(adaptable(scratch, fixture("llama"), "none"), rows, adapters);
  const Answer got = answer_of(adaptable(scratch, gguf, "none"), rows, adapters);
  EXPECT_LT(largest_difference(got.logits, want.logits), 1e-5f * range_of(want.logits));
}

TEST(AdaptersOfAll, ComputeWhatTheInterpreterDoes) {
  const Scratch scratch;
  const Json config = small_llama(64, 96);
  write_folder(scratch.path("small"), config, random_tensors(config, 31));
  const Checkpoint checkpoint = checkpoint_of(scratch.path("small"));
  const std::vector<Lora> adapters = {random_lora(checkpoint, 4, 3), random_lora(checkpoint, kRank, 4)};
  Rows rows;
  for (const auto& [count, slot] : {std::pair{3, 1}, {2, -1}, {1, 0}}) rows.add(some_ids(count, 96), slot);
  const Artifact artifact = adaptable(scratch, scratch.path("small"), "none");
  const auto text =
      ir_after({.model = scratch.path("small"), .quant = "none", .activations = "f32", .adapters = true}, "loops");
  ASSERT_TRUE(text.ok()) << text.message();
  const auto program = parse_program(*text);
  ASSERT_TRUE(program.ok()) << program.message();
  Memory memory = memory_of(rows, adapters, true);
  for (const ProgramBuffer& buffer : program->buffers) {
    if (buffer.role != Role::weight) continue;
    const auto bytes = artifact.tensor(buffer.name);
    ASSERT_TRUE(bytes.ok()) << bytes.message();
    memory[buffer.name].assign(bytes->begin(), bytes->end());
  }
  SizeValues sizes = rows.sizes(true);
  sizes["pages"] = kPages;
  for (const ProgramBuffer& buffer : program->buffers)
    if (buffer.role == Role::state && !memory.count(buffer.name))
      memory[buffer.name].resize(static_cast<size_t>(*buffer.elements.evaluate(sizes) * bytes_of(buffer.dtype)));
  const auto done = interpret(*program, sizes, memory);
  ASSERT_TRUE(done.ok()) << done.message();
  const Answer got = answer_of(artifact, rows, adapters);
  EXPECT_TRUE(bytes_of_all(got.logits) == memory.at("logits"));
  EXPECT_TRUE(bytes_of_all(got.hidden) == memory.at("hidden"));
}

TEST(Hidden, TimesTheHeadAreTheLogits) {
  for (const char* model : {"llama", "qwen3"}) {
    const Scratch scratch;
    const Checkpoint checkpoint = checkpoint_of(fixture(model));
    const auto found = checkpoint.tensors.find("lm_head.weight");
    const std::vector<float> head = floats_of(
        found != checkpoint.tensors.end() ? found->second : checkpoint.tensors.at("model.embed_tokens.weight"));
    Rows rows;
    rows.add(some_ids(9, 512), 0);
    const Answer got = answer_of(baked(scratch, fixture(model), "none", "native", "", "f32"), rows, {});
    const size_t width = got.hidden.size() / rows.ids.size(), vocabulary = head.size() / width;
    std::vector<float> want;
    for (size_t t = 0; t < rows.ids.size(); ++t)
      for (size_t v = 0; v < vocabulary; ++v) {
        double sum = 0;
        for (size_t k = 0; k < width; ++k) sum += static_cast<double>(got.hidden[t * width + k]) * head[v * width + k];
        want.push_back(static_cast<float>(sum));
      }
    EXPECT_LT(largest_difference(got.logits, want), 1e-5f * range_of(want)) << model;
  }
}

TEST(AdaptersOfAll, HaveAPlaceOfTheirOwnInTheCache) {
  const Checkpoint checkpoint = checkpoint_of(fixture("llama"));
  EXPECT_NE(*cache_key(checkpoint, {.adapters = true}), *cache_key(checkpoint, {}));
}

}  // namespace
}  // namespace hearth::test
