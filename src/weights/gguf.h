// GGUF, the container: metadata of typed values and tensors of ggml types, as views into the mapped file.
//
//   "GGUF" u32 version  u64 tensors  u64 values
//   values  x { string key, u32 type, value }            string: u64 length, bytes; array: u32 type, u64 count,
//   elements tensors x { string name, u32 axes, u64 axis[axes] (innermost first), u32 ggml type, u64 offset } padding
//   to general.alignment, then the data that the offsets count from
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/checkpoint.h"

namespace hearth {

enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

// A value stays in the file: a hostile count costs a bounds check, never memory.
struct GgufValue {
  GgufType type;
  GgufType element;    // of an array; else == type
  uint64_t count = 1;  // of an array
  Bytes bytes;         // scalars: as stored; string: its characters; array: its elements as stored
};

// What ggml calls the type with this id; storage.name is empty for a type Hearth does not read.
struct GgmlType {
  uint32_t id;
  std::string_view name;  // "Q4_K"
  Storage storage;
};

const GgmlType* ggml_type(uint32_t id);  // null: an id no released ggml has used

struct GgufTensor {
  std::string name;
  Tensor tensor;  // shape outermost first
};

struct GgufFile {
  uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;
};

enum class GgufParts { metadata, all };  // metadata: tensors are not looked at

Result<GgufFile> parse_gguf(Bytes file, std::string_view who, GgufParts parts);

// Typed access: nothing if the key is absent, an error if its value has another type.
Result<std::optional<int64_t>> find_int(const GgufFile& file, std::string_view key, std::string_view who);
Result<std::optional<double>> find_number(const GgufFile& file, std::string_view key, std::string_view who);
Result<std::optional<bool>> find_bool(const GgufFile& file, std::string_view key, std::string_view who);
Result<std::optional<std::string>> find_string(const GgufFile& file, std::string_view key, std::string_view who);
// An array of strings, of integers or of numbers as a JSON list (`want` is u8-less: string, i64 or f64).
Result<std::optional<Json>> find_list(const GgufFile& file, std::string_view key, GgufType want, std::string_view who);

// gguf_names.cpp: metadata and names into the Hugging Face dialect; tensors move out of `file`.
Result<Done> translate_gguf(GgufFile& file, std::string_view who, Checkpoint& into);
// gguf_vocab.cpp: vocab, tokenizer_config and chat_template; the ids that end a turn, first the end of text.
Result<std::vector<int64_t>> translate_gguf_vocab(const GgufFile& file, std::string_view who, Checkpoint& into);

}  // namespace hearth
