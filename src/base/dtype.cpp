// Element types: the table, and the 16-bit float conversions in integer arithmetic (same on every machine).
#include "base/dtype.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace hearth {
namespace {

struct Row {
  DType type;
  std::string_view name;
  int bytes;
  bool is_float, is_signed;
};

constexpr Row kTypes[] = {
    {DType::f32, "f32", 4, true, true},   {DType::f16, "f16", 2, true, true},   {DType::bf16, "bf16", 2, true, true},
    {DType::f64, "f64", 8, true, true},   {DType::i8, "i8", 1, false, true},    {DType::u8, "u8", 1, false, false},
    {DType::i16, "i16", 2, false, true},  {DType::u16, "u16", 2, false, false}, {DType::i32, "i32", 4, false, true},
    {DType::u32, "u32", 4, false, false}, {DType::i64, "i64", 8, false, true},  {DType::u64, "u64", 8, false, false},
    {DType::boolean, "bool", 1, false, false},
};

const Row& row_of(DType type) {
  for (const Row& row : kTypes)
    if (row.type == type) return row;
  check_failed(__FILE__, __LINE__, "unknown dtype");
}

}  // namespace

int bytes_of(DType type) { return row_of(type).bytes; }
std::string_view name_of(DType type) { return row_of(type).name; }
bool is_float(DType type) { return row_of(type).is_float; }
bool is_signed(DType type) { return row_of(type).is_signed; }

std::optional<DType> dtype_of(std::string_view name) {
  for (const Row& row : kTypes)
    if (row.name == name) return row.type;
  return std::nullopt;
}

uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));  // NaN
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);                                // overflow
  if (magnitude < 0x38800000u) {                                                                             // subnormal
    // Adding 0.5 aligns the 10 stored bits at the bottom of the float's mantissa, rounding to nearest even.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return static_cast<uint16_t>(sign | ((magnitude + 0xc8000fffu + odd) >> 13));
}

float f16_to_f32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);  // quiet NaN
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

}  // namespace hearth
