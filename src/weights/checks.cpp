// The checks themselves.
#include "weights/checks.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {
namespace {

constexpr size_t kShownBytes = 100;
constexpr size_t kNameBytes = 512;

// Length of the well-formed UTF-8 character at text[at], 0 if there is none.
size_t utf8_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                        : lead >= 0xE0 && lead <= 0xEF ? 3
                        : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                       : 0;
  if (length == 0 || text.size() - at < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xED && byte(1) > 0x9F;
  const bool beyond = lead == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

bool is_control(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; }

}  // namespace

std::string shown(std::string_view name) {
  std::string out = "'";
  for (size_t i = 0; i < name.size();) {
    if (out.size() > kShownBytes) {
      out += "…";
      break;
    }
    const size_t length = utf8_length(name, i);
    if (length == 0 || is_control(name[i]))
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(name[i]));
    else
      out += name.substr(i, length);
    i += std::max<size_t>(length, 1);
  }
  return out + "'";
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
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
