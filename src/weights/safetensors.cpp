// Reads a safetensors file: names -> views into its bytes. Strict as the format's own reader: no gap, no overlap.
#include "weights/safetensors.h"

#include <bit>
#include <cstring>

#include "weights/checks.h"

namespace hearth {
namespace {

static_assert(std::endian::native == std::endian::little, "files are mapped as they are: little-endian machines only");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

enum class Use {
  weight,
  left_out,  // never a weight: counters and masks that a training framework saved along
  refused,   // a weight in a type nothing here decodes
};

struct SafetensorsType {
  std::string_view name;
  Storage storage;
  Use use;
};

const SafetensorsType kTypes[] = {
    {"F32", {"f32", 1, 4}, Use::weight},
    {"F16", {"f16", 1, 2}, Use::weight},
    {"BF16", {"bf16", 1, 2}, Use::weight},
    {"I8", {"i8", 1, 1}, Use::weight},
    {"U8", {"u8", 1, 1}, Use::weight},
    {"I64", {"i64", 1, 8}, Use::left_out},
    {"BOOL", {"bool", 1, 1}, Use::left_out},
    {"F64", {"f64", 1, 8}, Use::refused},
    {"I16", {"i16", 1, 2}, Use::refused},
    {"U16", {"u16", 1, 2}, Use::refused},
    {"I32", {"i32", 1, 4}, Use::refused},
    {"U32", {"u32", 1, 4}, Use::refused},
    {"U64", {"u64", 1, 8}, Use::refused},
    {"C64", {"c64", 1, 8}, Use::refused},
    {"F8_E4M3", {"f8_e4m3", 1, 1}, Use::refused},
    {"F8_E5M2", {"f8_e5m2", 1, 1}, Use::refused},
    {"F8_E8M0", {"f8_e8m0", 1, 1}, Use::refused},
};

const SafetensorsType* type_of(std::string_view name) {
  for (const SafetensorsType& type : kTypes)
    if (type.name == name) return &type;
  return nullptr;
}

// Checks one entry against the data part and adds it to `tensors`.
Result<Done> place(SafetensorsEntry& entry, Bytes data, std::string_view who, std::map<std::string, Tensor>& tensors) {
  const std::string what = fmt::format("{}: tensor {}", who, shown(entry.name));
  const SafetensorsType* type = type_of(entry.dtype);
  if (!type || type->use == Use::refused)
    return error("{}: got dtype {}, want F32, F16, BF16, I8 or U8", what, type ? entry.dtype : shown(entry.dtype));
  if (entry.shape.empty()) entry.shape = {1};
  TRY(const uint64_t want, tensor_bytes(type->storage, entry.shape, what));
  if (entry.begin > entry.end)
    return error("{}: got data_offsets [{}, {}], want begin <= end", what, entry.begin, entry.end);
  if (entry.end - entry.begin != want)
    return error("{}: got {} bytes, want {} for its shape and dtype {}", what, entry.end - entry.begin, want,
                 entry.dtype);
  if (entry.end > data.size())
    return error("{}: got data up to byte {}, but the file holds {} bytes of data: it is cut short or damaged", what,
                 entry.end, data.size());
  if (type->use == Use::left_out) return Done{};
  Tensor tensor{type->storage, std::move(entry.shape), data.subspan(entry.begin, want)};
  if (!tensors.emplace(entry.name, std::move(tensor)).second) return error("{}: got the same tensor twice", what);
  return Done{};
}

}  // namespace

Result<std::set<std::string>> read_safetensors_names(Bytes file, std::string_view who,
                                                     std::map<std::string, Tensor>& tensors) {
  if (file.size() < kLengthBytes)
    return error("{}: got {} bytes, want a safetensors file of at least 10", who, file.size());
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  const uint64_t room = file.size() - kLengthBytes;
  if (length > kMaxHeaderBytes || length > room)
    return error(
        "{}: got a header of {} bytes, want at most the {} that follow: it is no safetensors file, or cut short", who,
        length, std::min(room, kMaxHeaderBytes));
  TRY(auto entries, parse_safetensors_header(as_text(file.subspan(kLengthBytes, length)), who));
  const Bytes data = file.subspan(kLengthBytes + length);
  std::set<std::string> names;
  std::vector<Extent> extents;
  for (SafetensorsEntry& entry : entries) {
    names.insert(entry.name);
    extents.push_back({entry.begin, entry.end, entry.name});
    TRY_DONE(place(entry, data, who, tensors));
  }
  TRY_DONE(check_no_overlap(extents, who));
  uint64_t at = 0;
  for (const Extent& extent : extents) {
    if (extent.begin != at)
      return error("{}: got {} bytes of no tensor before {}, want no gap", who, extent.begin - at, shown(extent.name));
    at = extent.end;
  }
  if (at != data.size()) return error("{}: got {} bytes after the last tensor, want none", who, data.size() - at);
  return names;
}

Result<Done> read_safetensors(Bytes file, std::string_view who, std::map<std::string, Tensor>& tensors) {
  TRY(auto names, read_safetensors_names(file, who, tensors));
  return Done{};
}

}  // namespace hearth
