// Artifact: reads a baked file as safetensors, trusting none of its numbers.
#include <algorithm>

#include "artifact/artifact.h"
#include "artifact/formula.h"
#include "artifact/layout.h"

namespace hearth {

struct Artifact::Impl {
  std::string path;
  MappedFile file;  // empty when opened from bytes
  Interface interface;
  std::map<std::string, Bytes> tensors;
};

namespace {

struct Entry {
  std::string name;
  uint64_t begin = 0, end = 0;
};

// [a, b] of whole numbers.
Result<std::vector<uint64_t>> get_numbers(const Json& json, const char* key, size_t count, const std::string& who) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_array() || it->size() != count)
    return error("{}: '{}' is missing or wrong, want {} numbers", who, key, count);
  std::vector<uint64_t> numbers;
  for (const Json& item : *it) {
    if (!item.is_number_unsigned()) return error("{}: '{}': got {}, want whole numbers", who, key, item.type_name());
    numbers.push_back(item.get<uint64_t>());
  }
  return numbers;
}

Result<Entry> read_entry(const std::string& name, const Json& json, uint64_t data_bytes, const std::string& path) {
  const std::string who = fmt::format("{}: tensor '{}'", path, name.substr(0, 80));
  if (!json.is_object()) return error("{}: got {}, want an object", who, json.type_name());
  TRY(const std::string dtype, get_string(json, "dtype", who));
  if (std::string_view(dtype) != "U8") return error("{}: got dtype '{}', want U8", who, dtype.substr(0, 40));
  TRY(const std::vector<uint64_t> shape, get_numbers(json, "shape", 1, who));
  TRY(const std::vector<uint64_t> offsets, get_numbers(json, "data_offsets", 2, who));
  const uint64_t begin = offsets[0], end = offsets[1];
  if (begin > end || end > data_bytes)
    return error("{}: got bytes {} to {}, want them inside the file's {} bytes of data", who, begin, end, data_bytes);
  if (shape[0] != end - begin) return error("{}: got {} bytes, want the {} of its shape", who, end - begin, shape[0]);
  if (begin % kAlignBytes != 0 && !name.starts_with(kPadPrefix))
    return error("{}: got offset {}, want a multiple of {}", who, begin, kAlignBytes);
  return Entry{name, begin, end};
}

// Tensors must fill the data without holes, as every safetensors file does.
Result<Done> check_no_holes(std::vector<Entry> entries, uint64_t data_bytes, const std::string& path) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at)
      return error("{}: tensor '{}': got offset {}, want {} (no holes, no overlaps)", path, entry.name.substr(0, 80),
                   entry.begin, at);
    at = entry.end;
  }
  if (at != data_bytes) return error("{}: got {} bytes of data, want the {} of its tensors", path, data_bytes, at);
  return Done{};
}

Result<Json> read_header(Bytes bytes, const std::string& path) {
  if (bytes.size() < kLengthBytes) return error("{}: got {} bytes, want a baked file", path, bytes.size());
  const uint64_t length = read_u64(bytes.data());
  if (length > kMostHeaderBytes || length > bytes.size() - kLengthBytes)
    return error("{}: got a header of {} bytes in a file of {}, want a baked file (is it whole?)", path, length,
                 bytes.size());
  if ((length + kLengthBytes) % kAlignBytes != 0)
    return error("{}: data begins at byte {}, want a multiple of {} (a file baked by Hearth)", path,
                 length + kLengthBytes, kAlignBytes);
  TRY(Json header, parse_json(as_text(bytes.subspan(kLengthBytes, length)), path + ": header"));
  if (!header.is_object()) return error("{}: header: got {}, want an object", path, header.type_name());
  return header;
}

Result<Interface> read_interface(const Json& header, const std::string& path) {
  const auto metadata = header.find("__metadata__");
  if (metadata == header.end() || !has(*metadata, kMetadataKey))
    return error("{}: the metadata has no '{}', want a file baked by Hearth", path, kMetadataKey);
  TRY(const std::string text, get_string(*metadata, kMetadataKey, path));
  TRY(const Json json, parse_json(text, path + ": interface"));
  auto interface = interface_from_json(json);
  if (!interface) return interface.within(path);
  return interface;
}

// Every weight record has a tensor of exactly its bytes.
Result<Done> check_weights(const Interface& interface, const std::map<std::string, Bytes>& tensors,
                           const std::string& path) {
  std::vector<std::string> names;
  std::vector<int64_t> most;
  for (const SizeRecord& size : interface.sizes) {
    names.push_back(size.name);
    most.push_back(size.at_most);
  }
  for (const BufferRecord& buffer : interface.buffers) {
    if (buffer.role != BufferRole::weight) continue;
    const auto it = tensors.find(buffer.name);
    if (it == tensors.end()) return error("{}: weight '{}' has no tensor", path, buffer.name);
    TRY(const Formula formula, Formula::parse(buffer.elements, names));
    TRY(const int64_t elements, formula.evaluate(most));
    const uint64_t want = static_cast<uint64_t>(elements) * static_cast<uint64_t>(bytes_of(buffer.dtype));
    if (it->second.size() != want)
      return error("{}: weight '{}': got {} bytes, want {}", path, buffer.name, it->second.size(), want);
  }
  return Done{};
}

// Fills everything but `file` and `path`.
Result<Done> read_all(Bytes bytes, const std::string& path, Interface* interface,
                      std::map<std::string, Bytes>* tensors) {
  TRY(const Json header, read_header(bytes, path));
  const Bytes data = bytes.subspan(kLengthBytes + read_u64(bytes.data()));
  std::vector<Entry> entries;
  for (const auto& [name, json] : header.items()) {
    if (name == "__metadata__") continue;
    TRY(Entry entry, read_entry(name, json, data.size(), path));
    if (!name.starts_with(kPadPrefix)) (*tensors)[name] = data.subspan(entry.begin, entry.end - entry.begin);
    entries.push_back(std::move(entry));
  }
  TRY_DONE(check_no_holes(std::move(entries), data.size(), path));
  TRY(*interface, read_interface(header, path));
  return check_weights(*interface, *tensors, path);
}

}  // namespace

Result<Artifact> Artifact::open(const std::string& path) {
  auto impl = std::make_shared<Impl>();
  TRY(impl->file, MappedFile::open(path));
  impl->path = path;
  TRY_DONE(read_all(impl->file.bytes(), fmt::format("artifact: '{}'", path), &impl->interface, &impl->tensors));
  Artifact artifact;
  artifact.impl_ = std::move(impl);
  return artifact;
}

Result<Artifact> Artifact::from_bytes(Bytes bytes, const std::string& who) {
  auto impl = std::make_shared<Impl>();
  impl->path = who;
  TRY_DONE(read_all(bytes, fmt::format("artifact: '{}'", who), &impl->interface, &impl->tensors));
  Artifact artifact;
  artifact.impl_ = std::move(impl);
  return artifact;
}

const Interface& Artifact::interface() const { return impl_->interface; }
const std::string& Artifact::path() const { return impl_->path; }
bool Artifact::has_tensor(const std::string& name) const { return impl_->tensors.contains(name); }
const std::map<std::string, Bytes>& Artifact::tensors() const { return impl_->tensors; }

Result<Bytes> Artifact::tensor(const std::string& name) const {
  const auto it = impl_->tensors.find(name);
  if (it == impl_->tensors.end()) return error("artifact: '{}': tensor '{}' is missing", impl_->path, name);
  return it->second;
}

}  // namespace hearth
