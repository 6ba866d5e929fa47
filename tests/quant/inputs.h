// Rows of numbers and bytes by formula, the same on every machine: what tests/fixtures/quant was made from.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace hearth {

inline constexpr int kRows = 24, kColumns = 512;         // encoded rows
inline constexpr int kByteRows = 8;                      // rows of random bytes, for decode alone

struct Random {
  uint32_t state;
  uint32_t bits() {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
  }
  float uniform() { return static_cast<float>(static_cast<int32_t>(bits() >> 8) - (1 << 23)) * 0x1p-23f; }  // [-1, 1)
  float bell() {
    float sum = uniform();
    for (int i = 0; i < 3; ++i) sum += uniform();
    return sum * 0.5f;
  }
};

// Element k of row `row`; each row is one kind of hard or ordinary data.
inline float input_at(int row, int k, Random& random) {
  const float bell = random.bell(), uniform = random.uniform();
  switch (row) {
    case 6: return 0.0f;
    case 7: return 0.5f;
    case 8: return -0.25f;
    case 9: return bell * 1e-7f;
    case 10: return bell * 1e-30f;
    case 11: return bell * 1e-41f;
    case 12: return bell * 30000.0f;
    case 13: return bell * 1e30f;
    case 14: return std::fabs(bell);
    case 15: return -std::fabs(uniform);
    case 16: return k % 101 == 50 ? bell * 50.0f : bell;
    case 17: return static_cast<float>(k - 128) / 512.0f;
    case 18: return k % 2 ? 0.75f : -0.75f;
    case 19: return k % 13 == 5 ? uniform : 0.0f;
    case 20: return -0.0f;
    case 21: return k < 256 ? 0.0f : bell;
    case 22: return static_cast<float>(k % 7 - 3);
    case 23: return k / 32 % 3 == 1 ? 0.0f : bell * static_cast<float>(k / 16 + 1);
    default: return row % 2 ? bell * 0.02f : uniform * static_cast<float>(1 + k / 256);
  }
}

inline std::vector<float> inputs() {
  std::vector<float> values;
  for (int row = 0; row < kRows; ++row) {
    Random random{static_cast<uint32_t>(row) * 2654435761u + 12345u};
    for (int k = 0; k < kColumns; ++k) values.push_back(input_at(row, k, random));
  }
  return values;
}

// Random blocks; the f16 at the given byte offsets of each block are made finite.
inline std::vector<uint8_t> random_blocks(int blocks, int block_bytes, const std::vector<int>& f16_at, uint32_t seed) {
  Random random{seed};
  std::vector<uint8_t> bytes(static_cast<size_t>(blocks) * block_bytes);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.bits() >> 11);
  for (int block = 0; block < blocks; ++block)
    for (int at : f16_at) bytes[static_cast<size_t>(block) * block_bytes + at + 1] &= 0xbf;
  return bytes;
}

// FNV-1a over the bits of f32 values, every NaN counted alike.
inline uint64_t hash_of(const float* values, size_t count) {
  uint64_t hash = 14695981039346656037ull;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = std::isnan(values[i]) ? 0x7fc00000u : std::bit_cast<uint32_t>(values[i]);
    for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (bits >> shift & 255)) * 1099511628211ull;
  }
  return hash;
}

}  // namespace hearth
