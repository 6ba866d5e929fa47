// A small interface that uses every kind of record, and a baked file of it, for tests of the artifact and the runtime.
#pragma once

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "artifact/artifact.h"

namespace hearth {

inline Interface sample_interface() {
  Interface in;
  in.target = "test";
  in.sizes = {{"tokens", 1, 8}, {"pages", 1, 1024}};
  in.buffers = {{"x", DType::f32, "tokens * 4", BufferRole::input, 0},
                {"y", DType::f32, "tokens * 4", BufferRole::output, 128},
                {"t", DType::f32, "tokens * 4", BufferRole::scratch, 256},
                {"w", DType::f32, "12", BufferRole::weight, -1},
                {"kv.0.k", DType::f16, "pages * 16", BufferRole::state, -1}};
  in.kernels = {{"one", "tokens"}, {"many", "(tokens + 3) / 4"}};
  in.launches = {{{{0, "tokens", 1, 1}, {1, "tokens", 2, INT64_MAX}}, {0, 3, 2}}, {{{0, "tokens", 0, 100}}, {2, 4, 1}}};
  in.arena_bytes = 384;
  in.model.name = "sample";
  in.model.family = "llama";
  in.model.vocabulary = 4;
  in.model.context = 128;
  in.model.end_ids = {2, 3};
  in.model.details = {{"scheme", "none"}};
  return in;
}

// Removes its folder when it goes.
struct TemporaryFolder {
  std::string path;
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-test-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return path + "/" + name; }
};

// Writes `interface` with a weight "w" of 48 bytes and two odd-sized texts; returns the failure, if any.
inline Result<Done> write_sample(const std::string& path, const Interface& interface) {
  const std::string text = "{\"tokenizer\": 1}";
  TRY(ArtifactWriter writer,
      ArtifactWriter::create(path, interface, {{"code/test", 3}, {"w", 48}, {"tokenizer.json", text.size()}}));
  std::memcpy(writer.tensor("tokenizer.json").data(), text.data(), text.size());
  std::memcpy(writer.tensor("code/test").data(), "abc", 3);
  float w[12];
  for (int i = 0; i < 12; ++i) w[i] = static_cast<float>(i);
  std::memcpy(writer.tensor("w").data(), w, sizeof(w));
  for (const char* name : {"w", "code/test", "tokenizer.json"}) writer.done_with(name);
  return writer.finish();
}

}  // namespace hearth
