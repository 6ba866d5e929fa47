// Element types, their sizes and names, and exact conversions between float32 and the 16-bit floats.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth {

enum class DType : uint8_t { f32, f16, bf16, f64, i8, u8, i16, u16, i32, u32, i64, u64, boolean };

int bytes_of(DType type);                                   // 4 for f32, 1 for boolean
std::string_view name_of(DType type);                       // "f32", "bf16", "u8", "bool"
std::optional<DType> dtype_of(std::string_view name);       // inverse of name_of
bool is_float(DType type);
bool is_signed(DType type);                                 // signed integers and floats

uint16_t f32_to_f16(float value);                           // round to nearest even, overflow to infinity
float f16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);                          // round to nearest even
float bf16_to_f32(uint16_t bits);

}  // namespace hearth
