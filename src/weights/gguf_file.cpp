// Opens a GGUF file, and its brothers when the model is split over several (name-00001-of-00003.gguf).
#include <filesystem>

#include "weights/checks.h"
#include "weights/gguf.h"
#include "weights/open.h"

namespace hearth {
namespace {

constexpr int64_t kMaxParts = 10000;

struct SplitFacts {
  int64_t index = 0, count = 1;
  int64_t tensors = -1;  // in all parts together; -1: not said
};

Result<SplitFacts> split_facts(const GgufFile& file, std::string_view who) {
  TRY(const auto index, find_int(file, "split.no", who));
  TRY(const auto count, find_int(file, "split.count", who));
  TRY(const auto tensors, find_int(file, "split.tensors.count", who));
  SplitFacts facts{index.value_or(0), count.value_or(1), tensors.value_or(-1)};
  if (facts.count == 0) facts.count = 1;
  if (facts.count < 1 || facts.count > kMaxParts || facts.index < 0 || facts.index >= facts.count)
    return error("{}: metadata 'split.no', 'split.count': got part {} of {}, want 1 to {} parts", who, facts.index,
                 facts.count, kMaxParts);
  return facts;
}

std::string part_suffix(int64_t index, int64_t count) { return fmt::format("-{:05}-of-{:05}.gguf", index + 1, count); }

// Parts 2 to count of the split whose first part is `path`; their tensors join `first`.
Result<Done> join_parts(const std::string& path, const SplitFacts& facts, GgufFile& first, Checkpoint& into) {
  const std::string suffix = part_suffix(0, facts.count);
  if (!path.ends_with(suffix))
    return error("weights: {}: got part 1 of {}, want a name that ends in '{}'", shown(path), facts.count, suffix);
  const std::string stem = path.substr(0, path.size() - suffix.size());
  for (int64_t i = 1; i < facts.count; ++i) {
    const std::string name = stem + part_suffix(i, facts.count);
    TRY(MappedFile mapped, MappedFile::open(name));
    const std::string who = fmt::format("weights: {}", shown(name));
    TRY(GgufFile part, parse_gguf(mapped.bytes(), who, GgufParts::all));
    TRY(const SplitFacts found, split_facts(part, who));
    if (found.index != i || found.count != facts.count)
      return error("{}: got part {} of {}, want part {} of {}", who, found.index + 1, found.count, i + 1, facts.count);
    for (GgufTensor& tensor : part.tensors) first.tensors.push_back(std::move(tensor));
    into.files.push_back(std::move(mapped));
  }
  return Done{};
}

}  // namespace

Result<Done> read_gguf(Bytes bytes, std::string_view who, Checkpoint& into) {
  TRY(GgufFile file, parse_gguf(bytes, who, GgufParts::all));
  TRY(const SplitFacts facts, split_facts(file, who));
  if (facts.count > 1) return error("{}: got part {} of {}, want a whole file", who, facts.index + 1, facts.count);
  return translate_gguf(file, who, into);
}

Result<Checkpoint> open_gguf(const std::string& path, Want want) {
  Checkpoint checkpoint;
  const std::string who = fmt::format("weights: {}", shown(path));
  checkpoint.name = std::filesystem::path(path).stem().string();
  TRY(MappedFile mapped, MappedFile::open(path));
  checkpoint.files.push_back(mapped);
  TRY(GgufFile file, parse_gguf(mapped.bytes(), who, want == Want::everything ? GgufParts::all : GgufParts::metadata));
  if (want == Want::tokenizer) {
    checkpoint.config = Json::object();
    checkpoint.source_format = "gguf";
    TRY_DONE(translate_gguf_vocab(file, who, checkpoint));
    return checkpoint;
  }
  TRY(const SplitFacts facts, split_facts(file, who));
  if (facts.index > 0)
    return error("{}: got part {} of {}, want the first part: open the file that ends in '{}'", who, facts.index + 1,
                 facts.count, part_suffix(0, facts.count));
  if (facts.count > 1) TRY_DONE(join_parts(path, facts, file, checkpoint));
  if (facts.count > 1 && facts.tensors >= 0 && static_cast<uint64_t>(facts.tensors) != file.tensors.size())
    return error("{}: got {} tensors in all parts, want the {} of 'split.tensors.count'", who, file.tensors.size(),
                 facts.tensors);
  TRY_DONE(translate_gguf(file, who, checkpoint));
  return checkpoint;
}

}  // namespace hearth
