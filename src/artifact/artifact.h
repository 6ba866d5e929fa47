// Artifact: the baked file; a valid safetensors file with an Interface in its metadata. Written as a stream, mapped to be read.
//
// Tensors: the prepared weights (U8, 64-byte aligned), "code/<target>" (U8), "tokenizer.json" (U8), "chat_template" (U8).
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "artifact/interface.h"
#include "base/file.h"
#include "base/result.h"

namespace hearth {

struct TensorSlot {
  std::string name;
  uint64_t bytes = 0;
};

// Writes header first, then each tensor in any order through a shared mapping of a temporary file; finish() renames it
// into place. Dropped without finish(): the temporary is removed.
class ArtifactWriter {
 public:
  static Result<ArtifactWriter> create(const std::string& path, const Interface& interface,
                                       const std::vector<TensorSlot>& tensors);
  std::span<std::byte> tensor(const std::string& name);     // write here; CHECKs that the name was declared
  void done_with(const std::string& name);                   // lets the system write it out and drop the pages from memory
  Result<Done> finish();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

class Artifact {
 public:
  // Trusts nothing in the file: every offset, size, name and formula is checked. Errors: `artifact: 'path': ...`.
  static Result<Artifact> open(const std::string& path);
  static Result<Artifact> from_bytes(Bytes bytes, const std::string& who);   // for tests and fuzzers; bytes must outlive it

  const Interface& interface() const;
  const std::string& path() const;
  Result<Bytes> tensor(const std::string& name) const;
  bool has_tensor(const std::string& name) const;
  const std::map<std::string, Bytes>& tensors() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace hearth
