#include "datasets/array.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "variants/api/error.h"

namespace attnbench {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays in files are little endian");

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Exact in float32.
float from_f16(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const auto fraction = static_cast<float>(half & 0x3ff);
  float magnitude;
  if (exponent == 31) magnitude = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  else if (exponent == 0) magnitude = std::ldexp(fraction, -24);
  else magnitude = std::ldexp(fraction + 1024.0f, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

// bfloat16 is the upper half of a float32.
float from_bf16(std::uint16_t upper) { return std::bit_cast<float>(static_cast<std::uint32_t>(upper) << 16); }

// Converts `count` elements; float64 beyond float32's range becomes infinite and is refused by the finite check.
void convert(ElementType type, const std::byte* from, std::int64_t count, float* to) {
  switch (type) {
    case ElementType::boolean:
      for (std::int64_t i = 0; i < count; ++i) to[i] = from[i] != std::byte{0};
      return;
    case ElementType::f16:
      for (std::int64_t i = 0; i < count; ++i) to[i] = from_f16(load<std::uint16_t>(from + 2 * i));
      return;
    case ElementType::bf16:
      for (std::int64_t i = 0; i < count; ++i) to[i] = from_bf16(load<std::uint16_t>(from + 2 * i));
      return;
    case ElementType::f32: std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float)); return;
    case ElementType::f64:
      for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(load<double>(from + 8 * i));
      return;
  }
}

std::string index_text(const Array& array, std::int64_t flat) {
  std::vector<std::int64_t> index(array.shape.size());
  for (std::size_t axis = array.shape.size(); axis-- > 0; flat /= array.shape[axis]) index[axis] = flat % array.shape[axis];
  return shape_text(index);
}

std::string value_text(double value) {
  return std::isnan(value) ? "NaN" : std::isinf(value) ? (value < 0 ? "-inf" : "inf") : std::to_string(value);
}

// Calls accept(float) on every element as float32 would hold it; throws at the first it refuses.
template <class Accept>
void require_each(const Array& array, const std::string& name, Accept accept, const char* expected) {
  constexpr std::int64_t kBlock = 1024;
  float block[kBlock];
  const auto size = static_cast<std::int64_t>(element_size(array.type));
  for (std::int64_t begin = 0; begin < array.count(); begin += kBlock) {
    const auto count = std::min(kBlock, array.count() - begin);
    convert(array.type, array.bytes.data.data() + begin * size, count, block);
    for (std::int64_t i = 0; i < count; ++i)
      if (!accept(block[i]))
        throw UserError(name + " holds " + value_text(array.at(begin + i)) + " at index " + index_text(array, begin + i) + "; " +
                        expected);
  }
}

}  // namespace

std::size_t element_size(ElementType type) {
  switch (type) {
    case ElementType::boolean: return 1;
    case ElementType::f16:
    case ElementType::bf16: return 2;
    case ElementType::f32: return 4;
    case ElementType::f64: break;
  }
  return 8;
}

const char* name_of(ElementType type) {
  switch (type) {
    case ElementType::boolean: return "bool";
    case ElementType::f16: return "float16";
    case ElementType::bf16: return "bfloat16";
    case ElementType::f32: return "float32";
    case ElementType::f64: break;
  }
  return "float64";
}

std::int64_t Array::count() const {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;  // the other axes may be as long as they like
  std::int64_t product = 1;
  for (const auto axis : shape) product *= axis;
  return product;
}

double Array::at(std::int64_t index) const {
  const auto* from = bytes.data.data() + static_cast<std::size_t>(index) * element_size(type);
  if (type == ElementType::f64) return load<double>(from);
  float value;
  convert(type, from, 1, &value);
  return value;
}

std::optional<std::uint64_t> byte_size(std::span<const std::int64_t> shape, ElementType type) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 44;
  std::uint64_t bytes = element_size(type);
  for (const auto axis : shape)
    if (axis == 0) return 0;
  for (const auto axis : shape) {
    if (axis < 0 || static_cast<std::uint64_t>(axis) > kLargest / bytes) return std::nullopt;
    bytes *= static_cast<std::uint64_t>(axis);
  }
  return bytes;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Shape shape_4d(const Array& array, const std::string& name) {
  const auto rank = array.shape.size();
  if (rank < 2 || rank > 4)
    throw UserError(name + " has shape " + shape_text(array.shape) + "; give [b, h, n, d], [h, n, d] or [n, d]");
  if (array.count() == 0)
    throw UserError(name + " has shape " + shape_text(array.shape) + " and so no elements; give a non-empty array");
  Shape shape{1, 1, 1, 1};
  std::copy(array.shape.begin(), array.shape.end(), shape.end() - static_cast<std::ptrdiff_t>(rank));
  return shape;
}

void require_finite(const Array& array, const std::string& name) {
  if (array.type == ElementType::boolean) throw UserError(name + " has type bool; give float16, bfloat16, float32 or float64");
  require_each(
      array, name, [](float value) { return std::isfinite(value); }, "every value must be finite in float32");
}

Tensor leading_part(const Array& array, const Shape& part) {
  Shape whole{1, 1, 1, 1};
  std::copy(array.shape.begin(), array.shape.end(), whole.end() - static_cast<std::ptrdiff_t>(array.shape.size()));
  const auto stride = dense_strides(whole);
  const auto size = static_cast<std::int64_t>(element_size(array.type));
  Tensor tensor(part);
  const auto view = tensor.view();
  for (std::int64_t b = 0; b < part[0]; ++b)
    for (std::int64_t h = 0; h < part[1]; ++h)
      for (std::int64_t i = 0; i < part[2]; ++i)
        convert(array.type, array.bytes.data.data() + (b * stride[0] + h * stride[1] + i * stride[2]) * size, part[3],
                view.row(b, h, i));
  return tensor;
}

Tensor to_tensor(const Array& array, const std::string& name) {
  const auto shape = shape_4d(array, name);
  require_finite(array, name);
  return leading_part(array, shape);
}

Tensor to_mask(const Array& array, const std::string& name) {
  const auto shape = shape_4d(array, name);
  if (array.type != ElementType::boolean) {
    const auto allowed = [](float value) { return value < std::numeric_limits<float>::infinity(); };
    require_each(array, name, allowed, "an additive mask may hold finite values and -inf");
    return leading_part(array, shape);
  }
  Tensor mask(shape, DType::u8);
  std::transform(array.bytes.data.begin(), array.bytes.data.end(), mask.data<std::uint8_t>(),
                 [](std::byte value) { return static_cast<std::uint8_t>(value != std::byte{0}); });
  return mask;
}

}  // namespace attnbench
