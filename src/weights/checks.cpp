// The checks themselves.
#include "weights/checks.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {
namespace {

constexpr size_t kShownBytes = 100;
constexpr size_t kNameBytes = 512;

bool is_control(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; }

}  // namespace

std::string shown(std::string_view name) {
  std::string out = "'";
  for (size_t i = 0; i < name.size();) {
    if (out.size() > kShownBytes) {
      out += "…";
      break;
    }
    const size_t length = utf8_char_bytes(name, i);
    if (length == 0 || is_control(name[i]))
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(name[i]));
    else
      out += name.substr(i, length);
    i += std::max<size_t>(length, 1);
  }
  return out + "'";
}

Result<Done> check_name(std::string_view name, std::string_view what, std::string_view who) {
  if (name.empty()) return error("{}: got an empty {} name, want 1 to {} bytes", who, what, kNameBytes);
  if (name.size() > kNameBytes)
    return error("{}: got a {} name of {} bytes, want at most {}", who, what, name.size(), kNameBytes);
  if (!is_utf8(name)) return error("{}: {} name {}: got bytes that are no UTF-8", who, what, shown(name));
  if (std::any_of(name.begin(), name.end(), is_control))
    return error("{}: {} name {}: got control characters, want readable text", who, what, shown(name));
  return Done{};
}

Result<uint64_t> tensor_bytes(const Storage& storage, const std::vector<int64_t>& shape, std::string_view who) {
  CHECK(!shape.empty() && storage.block > 0 && storage.block_bytes > 0, "tensor_bytes of a half-made tensor");
  for (int64_t axis : shape)
    if (axis <= 0) return error("{}: got an axis of {}, want every axis at least 1", who, axis);
  if (shape.back() % storage.block != 0)
    return error("{}: got rows of {} elements, want a multiple of {}'s block of {}", who, shape.back(), storage.name,
                 storage.block);
  uint64_t bytes = static_cast<uint64_t>(storage.block_bytes);
  for (size_t i = 0; i < shape.size(); ++i) {
    const int64_t factor = i + 1 == shape.size() ? shape[i] / storage.block : shape[i];
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(factor), &bytes))
      return error("{}: got a shape whose size does not fit into 64 bits", who);
  }
  return bytes;
}

Result<Done> check_no_overlap(std::vector<Extent>& extents, std::string_view who) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].begin < extents[i - 1].end)
      return error("{}: tensors {} and {} overlap at byte {} of the data, want each its own bytes", who,
                   shown(extents[i - 1].name), shown(extents[i].name), extents[i].begin);
  return Done{};
}

}  // namespace hearth
