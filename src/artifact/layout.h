// Layout: the numbers that the artifact's writer and reader share.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth {

inline constexpr uint64_t kLengthBytes = 8;                // little-endian length of the JSON header
inline constexpr uint64_t kAlignBytes = 64;                // of the data and of every tensor in it
inline constexpr uint64_t kMostHeaderBytes = 100'000'000;  // what other safetensors readers accept
inline constexpr uint64_t kMostTensorBytes = uint64_t{1} << 50;
inline constexpr const char* kPadPrefix = "__pad.";
inline constexpr const char* kMetadataKey = "hearth";

inline uint64_t align_up(uint64_t bytes) { return (bytes + kAlignBytes - 1) / kAlignBytes * kAlignBytes; }

inline void write_u64(std::byte* to, uint64_t value) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}
inline uint64_t read_u64(const std::byte* from) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value |= static_cast<uint64_t>(from[i]) << (8 * i);
  return value;
}

}  // namespace hearth
