// Parses the GGUF container; every length, count and offset is checked against the file before it is used.
#include "weights/gguf.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "weights/checks.h"

namespace hearth {
namespace {

static_assert(std::endian::native == std::endian::little, "files are mapped as they are: little-endian machines only");

constexpr uint32_t kTypes = 13;
constexpr uint32_t kMaxAxes = 4;  // ggml's own limit
constexpr uint64_t kMaxAlignment = 1 << 20;
constexpr uint64_t kTensorInfoBytes = 8 + 1 + 4 + 8 + 4 + 8;  // the least one tensor's description can take

struct TypeFacts {
  std::string_view name;
  uint64_t bytes;  // 0: not fixed
};
constexpr TypeFacts kFacts[kTypes] = {{"u8", 1},  {"i8", 1},  {"u16", 2},  {"i16", 2},    {"u32", 4},
                                      {"i32", 4}, {"f32", 4}, {"bool", 1}, {"string", 0}, {"array", 0},
                                      {"u64", 8}, {"i64", 8}, {"f64", 8}};

const TypeFacts& facts(GgufType type) { return kFacts[static_cast<uint32_t>(type)]; }

template <class T>
T load(Bytes bytes, uint64_t at = 0) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Reads forward through the file.
struct Cursor {
  Bytes file;
  std::string_view who;
  uint64_t at = 0;

  uint64_t left() const { return file.size() - at; }

  Result<Bytes> take(uint64_t size, std::string_view what) {
    if (size > left())
      return error("{}: {}: got {} bytes left at byte {}, want {}: the file is cut short or damaged", who, what, left(),
                   at, size);
    const Bytes bytes = file.subspan(at, size);
    at += size;
    return bytes;
  }

  template <class T>
  Result<T> number(std::string_view what) {
    TRY(Bytes bytes, take(sizeof(T), what));
    return load<T>(bytes);
  }

  Result<std::string_view> string(std::string_view what) {
    TRY(const uint64_t length, number<uint64_t>(what));
    TRY(Bytes bytes, take(length, what));
    return as_text(bytes);
  }
};

Result<GgufType> read_type(Cursor& cursor, std::string_view what) {
  TRY(const uint32_t type, cursor.number<uint32_t>(what));
  if (type >= kTypes) return error("{}: {}: got value type {}, want 0 to {}", cursor.who, what, type, kTypes - 1);
  return static_cast<GgufType>(type);
}

Result<GgufValue> read_array(Cursor& cursor, std::string_view what) {
  TRY(const GgufType element, read_type(cursor, what));
  TRY(const uint64_t count, cursor.number<uint64_t>(what));
  if (element == GgufType::array) return error("{}: {}: got an array of arrays, want plain elements", cursor.who, what);
  GgufValue value{GgufType::array, element, count, {}};
  if (element == GgufType::string) {
    const uint64_t begin = cursor.at;
    for (uint64_t i = 0; i < count; ++i) TRY_DONE(cursor.string(what));
    value.bytes = cursor.file.subspan(begin, cursor.at - begin);
    return value;
  }
  uint64_t size = 0;
  if (__builtin_mul_overflow(count, facts(element).bytes, &size)) size = std::numeric_limits<uint64_t>::max();
  TRY(value.bytes, cursor.take(size, what));
  return value;
}

Result<GgufValue> read_value(Cursor& cursor, std::string_view what) {
  TRY(const GgufType type, read_type(cursor, what));
  if (type == GgufType::array) return read_array(cursor, what);
  GgufValue value{type, type, 1, {}};
  if (type == GgufType::string) {
    TRY(std::string_view text, cursor.string(what));
    value.bytes = as_bytes(text);
    return value;
  }
  TRY(value.bytes, cursor.take(facts(type).bytes, what));
  return value;
}

Result<Done> read_metadata(Cursor& cursor, uint64_t count, GgufFile& into) {
  for (uint64_t i = 0; i < count; ++i) {
    const std::string place = fmt::format("metadata value {} of {}", i + 1, count);
    TRY(std::string_view key, cursor.string(place));
    TRY_DONE(check_name(key, "metadata", cursor.who));
    TRY(GgufValue value, read_value(cursor, shown(key)));
    if (!into.metadata.emplace(key, value).second)
      return error("{}: metadata {}: got the same key twice", cursor.who, shown(key));
  }
  return Done{};
}

// A tensor's description, and where its data begins (counted from the data part).
struct Info {
  GgufTensor made;
  uint64_t offset = 0;
};

std::string readable_types() {
  std::string names;
  for (uint32_t id = 0; id < 64; ++id)
    if (const GgmlType* type = ggml_type(id); type && !type->storage.name.empty())
      names += (names.empty() ? "" : ", ") + std::string(type->name);
  return names;
}

Result<Info> read_info(Cursor& cursor, uint64_t index, uint64_t count) {
  const std::string place = fmt::format("tensor {} of {}", index + 1, count);
  TRY(std::string_view name, cursor.string(place));
  TRY_DONE(check_name(name, "tensor", cursor.who));
  const std::string what = "tensor " + shown(name);
  TRY(const uint32_t axes, cursor.number<uint32_t>(what));
  if (axes < 1 || axes > kMaxAxes) return error("{}: {}: got {} axes, want 1 to {}", cursor.who, what, axes, kMaxAxes);
  Info info;
  info.made.name = name;
  info.made.tensor.shape.resize(axes);
  for (uint32_t i = 0; i < axes; ++i) {
    TRY(const uint64_t axis, cursor.number<uint64_t>(what));
    if (axis < 1 || axis > static_cast<uint64_t>(INT64_MAX))
      return error("{}: {}: got an axis of {}, want 1 to 2^63-1", cursor.who, what, axis);
    info.made.tensor.shape[axes - 1 - i] = static_cast<int64_t>(axis);
  }
  TRY(const uint32_t id, cursor.number<uint32_t>(what));
  TRY(info.offset, cursor.number<uint64_t>(what));
  const GgmlType* type = ggml_type(id);
  if (!type || type->storage.name.empty())
    return error("{}: {}: got ggml type {}, want one of {}", cursor.who, what,
                 type ? std::string(type->name) : fmt::format("number {}, which is not known", id), readable_types());
  info.made.tensor.storage = type->storage;
  return info;
}

Result<uint64_t> find_alignment(const GgufFile& file, std::string_view who) {
  TRY(const auto alignment, find_int(file, "general.alignment", who));
  const int64_t value = alignment.value_or(32);
  if (value < 1 || value > static_cast<int64_t>(kMaxAlignment) || (value & (value - 1)) != 0)
    return error("{}: 'general.alignment': got {}, want a power of two up to {}", who, value, kMaxAlignment);
  return static_cast<uint64_t>(value);
}

Result<Done> read_tensors(Cursor& cursor, uint64_t count, GgufFile& into) {
  if (count > cursor.left() / kTensorInfoBytes)
    return error(
        "{}: got a count of {} tensors, but the {} bytes left hold at most {}: the file is cut short or damaged",
        cursor.who, count, cursor.left(), cursor.left() / kTensorInfoBytes);
  TRY(const uint64_t alignment, find_alignment(into, cursor.who));
  std::vector<Info> infos;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(Info info, read_info(cursor, i, count));
    infos.push_back(std::move(info));
  }
  const uint64_t start = (cursor.at + alignment - 1) / alignment * alignment;  // cannot overflow: both are small
  const Bytes data = start < cursor.file.size() ? cursor.file.subspan(start) : Bytes{};
  std::vector<Extent> extents;
  std::map<std::string_view, int> names;
  for (Info& info : infos) {
    const std::string what = fmt::format("{}: tensor {}", cursor.who, shown(info.made.name));
    if (++names[info.made.name] > 1) return error("{}: got the same tensor twice", what);
    if (info.offset % alignment != 0)
      return error("{}: got offset {}, want a multiple of the alignment {}", what, info.offset, alignment);
    TRY(const uint64_t bytes, tensor_bytes(info.made.tensor.storage, info.made.tensor.shape, what));
    if (info.offset > data.size() || bytes > data.size() - info.offset)
      return error("{}: got {} bytes at offset {}, but the file holds {} bytes of data: it is cut short or damaged",
                   what, bytes, info.offset, data.size());
    info.made.tensor.bytes = data.subspan(info.offset, bytes);
    extents.push_back({info.offset, info.offset + bytes, info.made.name});
  }
  TRY_DONE(check_no_overlap(extents, cursor.who));
  for (Info& info : infos) into.tensors.push_back(std::move(info.made));
  return Done{};
}

}  // namespace

Result<GgufFile> parse_gguf(Bytes bytes, std::string_view who, GgufParts parts) {
  Cursor cursor{bytes, who};
  if (bytes.size() < 4 || as_text(bytes.first(4)) != "GGUF")
    return error("{}: got a file that does not begin with GGUF, want a GGUF file", who);
  cursor.at = 4;
  GgufFile file;
  TRY(file.version, cursor.number<uint32_t>("version"));
  if ((file.version & 0xFFFF) == 0 && file.version != 0)
    return error("{}: got a big-endian GGUF file, want little-endian: convert it again for this machine", who);
  if (file.version != 2 && file.version != 3)
    return error("{}: got GGUF version {}, want 2 or 3: convert the model again", who, file.version);
  TRY(const uint64_t tensors, cursor.number<uint64_t>("count of tensors"));
  TRY(const uint64_t values, cursor.number<uint64_t>("count of metadata"));
  TRY_DONE(read_metadata(cursor, values, file));
  if (parts == GgufParts::all) TRY_DONE(read_tensors(cursor, tensors, file));
  return file;
}

namespace {

std::string describe(const GgufValue& value) {
  if (value.type != GgufType::array) return std::string(facts(value.type).name);
  return fmt::format("an array of {} {}", value.count, facts(value.element).name);
}

const GgufValue* lookup(const GgufFile& file, std::string_view key) {
  const auto it = file.metadata.find(key);
  return it == file.metadata.end() ? nullptr : &it->second;
}

// Element `i` of type `type` as an integer; nothing if the type is none or the value does not fit.
std::optional<int64_t> integer_at(GgufType type, Bytes bytes, uint64_t i) {
  switch (type) {
    case GgufType::u8:
      return load<uint8_t>(bytes, i);
    case GgufType::i8:
      return load<int8_t>(bytes, i);
    case GgufType::u16:
      return load<uint16_t>(bytes, i * 2);
    case GgufType::i16:
      return load<int16_t>(bytes, i * 2);
    case GgufType::u32:
      return load<uint32_t>(bytes, i * 4);
    case GgufType::i32:
      return load<int32_t>(bytes, i * 4);
    case GgufType::i64:
      return load<int64_t>(bytes, i * 8);
    case GgufType::u64: {
      const uint64_t value = load<uint64_t>(bytes, i * 8);
      if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> number_at(GgufType type, Bytes bytes, uint64_t i) {
  if (type == GgufType::f32) return load<float>(bytes, i * 4);
  if (type == GgufType::f64) return load<double>(bytes, i * 8);
  if (const auto integer = integer_at(type, bytes, i)) return static_cast<double>(*integer);
  return std::nullopt;
}

// The number a person wrote before it became a float32: 1e-5, not 9.99999974e-6, as config.json says it.
double shortest(float value) {
  const std::string text = fmt::format("{}", value);
  double written = value;
  std::from_chars(text.data(), text.data() + text.size(), written);
  return written;
}

Error wrong(std::string_view who, std::string_view key, const GgufValue& got, std::string_view want) {
  return error("{}: metadata '{}': got {}, want {}", who, key, describe(got), want);
}

}  // namespace

Result<std::optional<int64_t>> find_int(const GgufFile& file, std::string_view key, std::string_view who) {
  const GgufValue* value = lookup(file, key);
  if (!value) return std::optional<int64_t>();
  const auto integer = integer_at(value->type, value->bytes, 0);
  if (!integer) return wrong(who, key, *value, "an integer below 2^63");
  return integer;
}

Result<std::optional<double>> find_number(const GgufFile& file, std::string_view key, std::string_view who) {
  const GgufValue* value = lookup(file, key);
  if (!value) return std::optional<double>();
  auto number = number_at(value->type, value->bytes, 0);
  if (!number) return wrong(who, key, *value, "a number");
  if (value->type == GgufType::f32 && std::isfinite(*number)) number = shortest(load<float>(value->bytes));
  if (!(*number > -1e300 && *number < 1e300))
    return error("{}: metadata '{}': got {}, want a finite number", who, key, *number);
  return number;
}

Result<std::optional<bool>> find_bool(const GgufFile& file, std::string_view key, std::string_view who) {
  const GgufValue* value = lookup(file, key);
  if (!value) return std::optional<bool>();
  if (value->type != GgufType::boolean) return wrong(who, key, *value, "a bool");
  const uint8_t byte = load<uint8_t>(value->bytes);
  if (byte > 1) return error("{}: metadata '{}': got {} as a bool, want 0 or 1", who, key, byte);
  return std::optional<bool>(byte == 1);
}

Result<std::optional<std::string>> find_string(const GgufFile& file, std::string_view key, std::string_view who) {
  const GgufValue* value = lookup(file, key);
  if (!value) return std::optional<std::string>();
  if (value->type != GgufType::string) return wrong(who, key, *value, "a string");
  if (!is_utf8(as_text(value->bytes))) return error("{}: metadata '{}': got bytes that are no UTF-8", who, key);
  return std::optional<std::string>(as_text(value->bytes));
}

Result<std::optional<Json>> find_list(const GgufFile& file, std::string_view key, GgufType want, std::string_view who) {
  const GgufValue* value = lookup(file, key);
  if (!value) return std::optional<Json>();
  const std::string wanted = fmt::format("an array of {}", facts(want).name);
  if (value->type != GgufType::array) return wrong(who, key, *value, wanted);
  if (want == GgufType::string && value->element != want) return wrong(who, key, *value, wanted);
  Json list = Json::array();
  Cursor cursor{value->bytes, who};
  for (uint64_t i = 0; i < value->count; ++i) {
    if (want == GgufType::string) {
      TRY(std::string_view text, cursor.string(key));
      list.push_back(text);
    } else if (const auto integer = integer_at(value->element, value->bytes, i); integer && want == GgufType::i64) {
      list.push_back(*integer);
    } else if (const auto number = number_at(value->element, value->bytes, i); number && want == GgufType::f64) {
      if (!(*number > -1e300 && *number < 1e300))
        return error("{}: metadata '{}': got {} at {}, want finite numbers", who, key, *number, i);
      list.push_back(*number);
    } else {
      return wrong(who, key, *value, wanted);
    }
  }
  return std::optional<Json>(std::move(list));
}

}  // namespace hearth
