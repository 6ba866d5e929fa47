// A model for tests: a device whose one kernel keeps ids in KV pages and lets a function choose the next id.
#pragma once

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "engine/engine.h"

namespace hearth {

constexpr int64_t kFakeVocabulary = 8192;        // Ember's, whose tokenizer gives the text
constexpr int64_t kFakeContext = 1024;

// Everything the sequence holds up to a position -> the logits there (zeros to begin with).
using FakeModel = std::function<void(std::span<const int32_t> ids, std::span<float> logits)>;

class FakeDevice : public Device {
 public:
  explicit FakeDevice(FakeModel model) : model_(std::move(model)) {}

  Result<Memory> allocate(uint64_t bytes) override {
    void* memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    std::memset(memory, 0xee, bytes);            // garbage must not matter
    return Memory{memory, bytes};
  }
  void free(Memory memory) override { std::free(memory.address); }
  Result<Memory> adopt(Bytes weights) override { return Memory{const_cast<std::byte*>(weights.data()), weights.size()}; }
  Result<Done> upload(Memory to, uint64_t offset, Bytes from) override {
    std::memcpy(static_cast<std::byte*>(to.address) + offset, from.data(), from.size());
    return Done{};
  }
  Result<Done> download(Memory from, uint64_t offset, std::span<std::byte> to) override {
    std::memcpy(to.data(), static_cast<const std::byte*>(from.address) + offset, to.size());
    return Done{};
  }
  Result<Done> copy(Memory memory, uint64_t from, uint64_t to, uint64_t bytes) override {
    ++copies;
    std::memmove(static_cast<std::byte*>(memory.address) + to, static_cast<std::byte*>(memory.address) + from, bytes);
    return Done{};
  }
  Result<Done> load_code(Bytes, const std::vector<std::string>&) override { return Done{}; }
  Result<Done> can_run(const std::string&, const std::string&) override { return Done{}; }
  Result<Done> synchronize() override { return Done{}; }
  Json describe() const override { return {{"name", "fake"}}; }

  // buffers: ids, positions, seq, page_table, logit_rows, logits, kv; sizes: tokens, rows, seqs, table, pages
  Result<Done> launch(std::span<const Call> calls, std::span<const int64_t> sizes) override {
    if (failing) return error("fake: the device is gone");
    const auto& buffers = calls[0].buffers;
    const auto* ids = static_cast<const int32_t*>(buffers[0]);
    const auto* positions = static_cast<const int32_t*>(buffers[1]);
    const auto* seq = static_cast<const int32_t*>(buffers[2]);
    const auto* table = static_cast<const int32_t*>(buffers[3]);
    const auto* rows = static_cast<const int32_t*>(buffers[4]);
    auto* logits = static_cast<float*>(buffers[5]);
    auto* kv = static_cast<int32_t*>(buffers[6]);
    const auto slot = [&](int64_t token, int64_t position) -> int32_t& {
      return kv[table[seq[token] * sizes[3] + position / 16] * 16 + position % 16];
    };
    steps.push_back(sizes[0]);
    rows_asked.push_back(sizes[1]);
    for (int64_t i = 0; i < sizes[0]; ++i) slot(i, positions[i]) = ids[i];
    for (int64_t row = 0; row < sizes[1]; ++row) {
      std::vector<int32_t> seen;
      for (int64_t p = 0; p <= positions[rows[row]]; ++p) seen.push_back(slot(rows[row], p));
      const std::span<float> out(logits + row * kFakeVocabulary, kFakeVocabulary);
      std::fill(out.begin(), out.end(), 0.0f);
      model_(seen, out);
    }
    if (buffers.size() > 7) embed(buffers, sizes);
    return Done{};
  }

  // more buffers: embed_rows, hidden, adapter, lora.m.down, lora.m.up; more sizes: embeds, adapters, rank
  void embed(const std::vector<void*>& buffers, std::span<const int64_t> sizes) {
    const auto* ids = static_cast<const int32_t*>(buffers[0]);
    const auto* embed_rows = static_cast<const int32_t*>(buffers[7]);
    auto* hidden = static_cast<float*>(buffers[8]);
    for (int64_t row = 0; row < sizes[5]; ++row) {
      for (int64_t i = 0; i < 4; ++i) hidden[row * 4 + i] = static_cast<float>(ids[embed_rows[row]] + i * 10000);
    }
    const auto* rows = static_cast<const int32_t*>(buffers[4]);
    const auto* adapter = static_cast<const int32_t*>(buffers[9]);
    const auto* up = static_cast<const float*>(buffers[11]);
    auto* logits = static_cast<float*>(buffers[5]);
    for (int64_t row = 0; row < sizes[1]; ++row) {               // an adapter makes the token its matrix names likely
      const int32_t slot = adapter[rows[row]];
      if (slot >= 0) logits[row * kFakeVocabulary + static_cast<int64_t>(up[slot * 3 * sizes[7]])] += 1000;
    }
  }

  std::vector<int64_t> steps, rows_asked;        // of every launch
  int64_t copies = 0;
  bool failing = false;

 private:
  FakeModel model_;
};

// Says `words` again and again, chosen by position, whatever was said before.
inline FakeModel reciting(std::vector<int32_t> words, size_t prompt) {
  return [=](std::span<const int32_t> ids, std::span<float> logits) { logits[words[(ids.size() - prompt) % words.size()]] = 10; };
}

// Logits that depend on every id before, as noise.
inline FakeModel noise() {
  return [](std::span<const int32_t> ids, std::span<float> logits) {
    uint64_t state = 99;
    for (int32_t id : ids) state = (state + static_cast<uint64_t>(id) + 1) * 0x9e3779b97f4a7c15u;
    for (float& logit : logits) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      logit = static_cast<float>(state >> 40) / static_cast<float>(1 << 21);
    }
  };
}

inline Interface fake_interface() {
  Interface interface;
  interface.target = "fake";
  interface.sizes = {{"tokens", 1, 128}, {"rows", 0, 16}, {"seqs", 1, 64}, {"table", 1, kFakeContext / 16}, {"pages", 1, 1 << 20}};
  int64_t offset = 0;
  const auto add = [&](const char* name, DType type, const char* elements, BufferRole role, int64_t most) {
    interface.buffers.push_back({name, type, elements, role, role == BufferRole::state ? -1 : offset});
    if (role != BufferRole::state) offset += (most * 4 + 63) / 64 * 64;
  };
  add("ids", DType::i32, "tokens", BufferRole::input, 128);
  add("positions", DType::i32, "tokens", BufferRole::input, 128);
  add("seq", DType::i32, "tokens", BufferRole::input, 128);
  add("page_table", DType::i32, "seqs * table", BufferRole::input, 64 * kFakeContext / 16);
  add("logit_rows", DType::i32, "rows", BufferRole::input, 16);
  add("logits", DType::f32, "rows * 8192", BufferRole::output, 16 * kFakeVocabulary);
  add("kv", DType::i32, "pages * 16", BufferRole::state, 0);
  interface.arena_bytes = offset;
  interface.kernels = {{"step", "1"}};
  interface.launches = {{{{0, "tokens", 1, 128}}, {0, 1, 2, 3, 4, 5, 6}}};
  interface.model = {.name = "fake", .family = "fake", .vocabulary = kFakeVocabulary, .context = kFakeContext,
                     .end_ids = {2}, .bos_id = 1, .page_tokens = 16, .details = Json::object()};
  return interface;
}

// The same with hidden states and room for adapters of one matrix "m" (5 -> 3).
inline Interface fake_interface_with_more() {
  Interface interface = fake_interface();
  interface.sizes.insert(interface.sizes.end(), {{"embeds", 0, 8}, {"adapters", 1, 8}, {"rank", 1, 8}});
  const auto add = [&](const char* name, DType type, const char* elements, BufferRole role, int64_t most) {
    const bool is_state = role == BufferRole::state;
    interface.buffers.push_back({name, type, elements, role, is_state ? -1 : interface.arena_bytes});
    if (!is_state) interface.arena_bytes += (most * 4 + 63) / 64 * 64;
  };
  add("embed_rows", DType::i32, "embeds", BufferRole::input, 8);
  add("hidden", DType::f32, "embeds * 4", BufferRole::output, 32);
  add("adapter", DType::i32, "tokens", BufferRole::input, 128);
  add("lora.m.down", DType::f32, "adapters * rank * 5", BufferRole::state, 0);
  add("lora.m.up", DType::f32, "adapters * 3 * rank", BufferRole::state, 0);
  for (int i = 7; i < 12; ++i) interface.launches[0].buffers.push_back(i);
  return interface;
}

// Writes `interface` with Ember's tokenizer and opens it.
inline Result<Artifact> fake_artifact(const Interface& interface, const std::string& path, bool with_tokenizer = true) {
  TRY(const std::string tokenizer, read_file(HEARTH_ROOT "/models/ember/tokenizer.json"));
  std::vector<TensorSlot> slots = {{"code/" + interface.target, 64}};
  if (with_tokenizer) slots.push_back({"tokenizer.json", tokenizer.size()});
  {
    TRY(ArtifactWriter writer, ArtifactWriter::create(path, interface, slots));
    if (with_tokenizer) std::memcpy(writer.tensor("tokenizer.json").data(), tokenizer.data(), tokenizer.size());
    TRY_DONE(writer.finish());
  }
  return Artifact::open(path);
}

inline std::string temporary(const std::string& name) {
  return (std::filesystem::temp_directory_path() / fmt::format("hearth-test-{}-{}", getpid(), name)).string();
}

}  // namespace hearth
