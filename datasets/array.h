// Array: what a user's file holds, before it becomes a Tensor. Any rank, any of the element types we read, not copied.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/files.h"
#include "variants/api/tensor.h"

namespace attnbench {

enum class ElementType { boolean, f16, bf16, f32, f64 };
std::size_t element_size(ElementType type);
const char* name_of(ElementType type);

struct Array {
  std::vector<std::int64_t> shape;  // any rank; {} is a scalar
  ElementType type = ElementType::f32;
  Bytes bytes;  // dense, row-major, little endian, possibly unaligned

  std::int64_t count() const;           // product of the shape
  double at(std::int64_t index) const;  // element in row-major order; booleans give 0 or 1
};

/// Bytes that `shape` of `type` takes, or nothing when that overflows or is beyond 2^44: no file holds it.
std::optional<std::uint64_t> byte_size(std::span<const std::int64_t> shape, ElementType type);

/// "[2, 4, 17, 8]"
std::string shape_text(std::span<const std::int64_t> shape);

/// The shape as [batch, head, n, d]; missing leading axes are 1. Throws UserError unless rank is 2 to 4 and no axis is 0.
Shape shape_4d(const Array& array, const std::string& name);

/// Throws UserError naming `name`, the index and the value of the first NaN or infinity. Booleans are refused altogether.
void require_finite(const Array& array, const std::string& name);

/// The first part.shape elements along each axis, as float32. The array must be numeric and at least that large along each axis.
Tensor leading_part(const Array& array, const Shape& part);

/// Queries, keys or values: a finite numeric array of rank 2 to 4 as a float32 tensor [batch, head, n, d].
Tensor to_tensor(const Array& array, const std::string& name);

/// A dense mask of rank 2 to 4: boolean (true = may attend) as u8 of 0 and 1, numeric as an additive float32 mask, which may hold
/// -inf but neither NaN nor +inf.
Tensor to_mask(const Array& array, const std::string& name);

}  // namespace attnbench
