// DType: the element types of tensors and of arrays in files, as one table.
//
// Q, K, V and the output of a problem are f32, bf16, f16 or f64 (the token of its string); u8 holds boolean masks; the integers are
// only read from files. The first two numbers are those of the C ABI (attnbench/plugin.h) and stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace attnbench {

enum class DType : std::uint8_t { f32, u8, bf16, f16, f64, boolean, i8, i16, i32, i64, u16, u32, u64 };

struct DTypeInfo {
  DType dtype;
  const char* name;        // in a problem's string and in records
  const char* numpy_name;  // in messages about a user's arrays
  std::size_t bytes;       // of one element
  double epsilon;          // distance from 1 to the next number; 0 where there are only whole numbers
};

inline constexpr DTypeInfo kDTypes[] = {
    {DType::f32, "f32", "float32", 4, 0x1p-23},
    {DType::u8, "u8", "uint8", 1, 0},
    {DType::bf16, "bf16", "bfloat16", 2, 0x1p-7},
    {DType::f16, "f16", "float16", 2, 0x1p-10},
    {DType::f64, "f64", "float64", 8, 0x1p-52},
    {DType::boolean, "bool", "bool", 1, 0},
    {DType::i8, "i8", "int8", 1, 0},
    {DType::i16, "i16", "int16", 2, 0},
    {DType::i32, "i32", "int32", 4, 0},
    {DType::i64, "i64", "int64", 8, 0},
    {DType::u16, "u16", "uint16", 2, 0},
    {DType::u32, "u32", "uint32", 4, 0},
    {DType::u64, "u64", "uint64", 8, 0},
};

static_assert([] {
  for (std::size_t i = 0; i < std::size(kDTypes); ++i)
    if (static_cast<std::size_t>(kDTypes[i].dtype) != i) return false;
  return true;
}());  // info_of() counts on it

constexpr const DTypeInfo& info_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }
constexpr std::size_t element_size(DType dtype) { return info_of(dtype).bytes; }
constexpr const char* name_of(DType dtype) { return info_of(dtype).name; }
constexpr double epsilon_of(DType dtype) { return info_of(dtype).epsilon; }
/// Whether elements are floating-point numbers, as queries, keys and values must be.
constexpr bool is_float(DType dtype) { return epsilon_of(dtype) > 0; }

/// The floating-point type of that name; nothing for any other word.
constexpr std::optional<DType> parse_float_dtype(std::string_view name) {
  for (const auto& info : kDTypes)
    if (is_float(info.dtype) && name == info.name) return info.dtype;
  return std::nullopt;
}

}  // namespace attnbench
