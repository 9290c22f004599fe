#include "datasets/array.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "variants/api/error.h"
#include "variants/api/number.h"

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

template <class T>
void convert_as(const std::byte* from, std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(load<T>(from + static_cast<std::size_t>(i) * sizeof(T)));
}

// Converts `count` elements; float64 beyond float32's range becomes infinite.
void convert(DType type, const std::byte* from, std::int64_t count, float* to) {
  switch (type) {
    case DType::boolean:
      for (std::int64_t i = 0; i < count; ++i) to[i] = from[i] != std::byte{0};
      return;
    case DType::i8: return convert_as<std::int8_t>(from, count, to);
    case DType::i16: return convert_as<std::int16_t>(from, count, to);
    case DType::i32: return convert_as<std::int32_t>(from, count, to);
    case DType::i64: return convert_as<std::int64_t>(from, count, to);
    case DType::u8: return convert_as<std::uint8_t>(from, count, to);
    case DType::u16: return convert_as<std::uint16_t>(from, count, to);
    case DType::u32: return convert_as<std::uint32_t>(from, count, to);
    case DType::u64: return convert_as<std::uint64_t>(from, count, to);
    case DType::f16:
      for (std::int64_t i = 0; i < count; ++i) to[i] = from_f16(load<std::uint16_t>(from + 2 * i));
      return;
    case DType::bf16:
      for (std::int64_t i = 0; i < count; ++i) to[i] = from_bf16(load<std::uint16_t>(from + 2 * i));
      return;
    case DType::f32: std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float)); return;
    case DType::f64: return convert_as<double>(from, count, to);
  }
}

// The same for additive masks: a finite value that float32 cannot hold stays finite, because -inf alone masks a key.
void convert_mask(DType type, const std::byte* from, std::int64_t count, float* to) {
  convert(type, from, count, to);
  if (type != DType::f64) return;
  for (std::int64_t i = 0; i < count; ++i)
    if (std::isinf(to[i]) && std::isfinite(load<double>(from + 8 * i)) && to[i] < 0) to[i] = std::numeric_limits<float>::lowest();
}

std::vector<std::int64_t> index_of(const Array& array, std::int64_t flat) {
  std::vector<std::int64_t> index(array.shape.size());
  for (std::size_t axis = array.shape.size(); axis-- > 0; flat /= array.shape[axis]) index[axis] = flat % array.shape[axis];
  return index;
}

std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  return number_text(value);
}

[[noreturn]] void reject_element(const Array& array, std::int64_t flat, const std::string& name, const std::string& expected) {
  throw UserError(name + " holds " + value_text(array.at(flat)) + " at index " + shape_text(index_of(array, flat)) + "; " +
                  expected);
}

// Calls accept(float) on every element as an additive mask would hold it; throws at the first it refuses.
template <class Accept>
void require_each(const Array& array, const std::string& name, Accept accept, const char* expected) {
  constexpr std::int64_t kBlock = 1024;
  float block[kBlock];
  const auto size = static_cast<std::int64_t>(element_size(array.type));
  for (std::int64_t begin = 0; begin < array.count(); begin += kBlock) {
    const auto count = std::min(kBlock, array.count() - begin);
    convert_mask(array.type, array.bytes.data.data() + begin * size, count, block);
    for (std::int64_t i = 0; i < count; ++i)
      if (!accept(block[i])) reject_element(array, begin + i, name, expected);
  }
}

// The shape with leading axes of 1 up to rank 4.
Shape padded(std::span<const std::int64_t> shape) {
  Shape whole{1, 1, 1, 1};
  std::copy(shape.begin(), shape.end(), whole.end() - static_cast<std::ptrdiff_t>(shape.size()));
  return whole;
}

// Strides of the array's elements along [batch, head, n, d].
Shape strides_4d(const Array& array, Layout layout) {
  auto stride = dense_strides(padded(array.shape));
  const bool has_heads = array.shape.size() > 2;
  if (layout == Layout::bnhd && has_heads) std::swap(stride[1], stride[2]);
  return stride;
}

}  // namespace

Layout parse_layout(std::string_view word) {
  for (const auto layout : {Layout::bhnd, Layout::bnhd})
    if (word == name_of(layout)) return layout;
  throw UserError("layout " + in_quotes(word) + ": expected bhnd for [b, h, n, d] or bnhd for [b, n, h, d]");
}

const char* name_of(Layout layout) { return layout == Layout::bhnd ? "bhnd" : "bnhd"; }

Layout likely_layout(std::span<const std::int64_t> keys, Layout layout) {
  if (keys.size() < 3) return layout;
  const auto first = keys[keys.size() - 3], second = keys[keys.size() - 2];
  const auto heads = layout == Layout::bhnd ? first : second, tokens = layout == Layout::bhnd ? second : first;
  if (heads <= tokens) return layout;
  return layout == Layout::bhnd ? Layout::bnhd : Layout::bhnd;
}

std::int64_t Array::count() const {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;  // the other axes may be as long as they like
  std::int64_t product = 1;
  for (const auto axis : shape) product *= axis;
  return product;
}

double Array::at(std::int64_t index) const {
  const auto* from = bytes.data.data() + static_cast<std::size_t>(index) * element_size(type);
  if (type == DType::f64) return load<double>(from);
  float value;
  convert(type, from, 1, &value);
  return value;
}

std::optional<std::uint64_t> byte_size(std::span<const std::int64_t> shape, DType type) {
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

Shape shape_4d(std::span<const std::int64_t> shape, Layout layout, const std::string& name) {
  const bool heads_first = layout == Layout::bhnd;
  if (shape.size() < 2 || shape.size() > 4)
    throw UserError(name + " has shape " + shape_text(shape) + "; expected " +
                    (heads_first ? "[b, h, n, d], [h, n, d] or [n, d]" : "[b, n, h, d], [n, h, d] or [n, d]"));
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    throw UserError(name + " has shape " + shape_text(shape) + " and so no elements; give a non-empty array");
  auto whole = padded(shape);
  if (!heads_first && shape.size() > 2) std::swap(whole[1], whole[2]);
  return whole;
}

void require_float(DType type, const std::string& name) {
  if (is_float(type)) return;
  throw UserError(name + " has element type " + info_of(type).numpy_name +
                  "; queries, keys and values are float16, bfloat16, float32 or float64, such as with .astype('float32')");
}

Tensor leading_part(const Array& array, const Shape& part, Layout layout) {
  const auto stride = strides_4d(array, layout);
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

Tensor finite_part(const Array& array, const Shape& part, Layout layout, const std::string& name) {
  auto tensor = leading_part(array, part, layout);
  const auto view = tensor.view();
  const auto stride = strides_4d(array, layout);
  for (std::int64_t b = 0; b < part[0]; ++b)
    for (std::int64_t h = 0; h < part[1]; ++h)
      for (std::int64_t i = 0; i < part[2]; ++i) {
        const float* row = view.row(b, h, i);
        const auto* bad = std::find_if(row, row + part[3], [](float value) { return !std::isfinite(value); });
        if (bad != row + part[3])
          reject_element(array, b * stride[0] + h * stride[1] + i * stride[2] + (bad - row), name,
                         "every value must be finite in float32");
      }
  return tensor;
}

Tensor to_tensor(const Array& array, const std::string& name) {
  require_float(array.type, name);
  return finite_part(array, shape_4d(array.shape, Layout::bhnd, name), Layout::bhnd, name);
}

Shape mask_shape(std::span<const std::int64_t> shape, const Shape& scores, const std::string& name) {
  bool fits = shape.size() <= scores.size();
  for (std::size_t back = 1; fits && back <= shape.size(); ++back) {
    const auto axis = shape[shape.size() - back];
    fits = axis == 1 || axis == scores[scores.size() - back];
  }
  if (!fits)
    throw UserError(name + " has shape " + shape_text(shape) + ", which does not broadcast to the scores " + shape_text(scores) +
                    " ([b, h, n_q, n_k]); counted from the last, each of its axes must be 1 or as long as theirs");
  const auto whole = padded(shape);
  return {whole[0], whole[1], scores[2], scores[3]};
}

Tensor to_mask(const Array& array, const Shape& scores, const Shape& part, const std::string& name) {
  auto shape = mask_shape(array.shape, scores, name);
  for (std::size_t axis = 0; axis < 4; ++axis) shape[axis] = std::min(shape[axis], part[axis]);
  const bool additive = is_float(array.type);
  if (additive)
    require_each(
        array, name, [](float value) { return value < std::numeric_limits<float>::infinity(); },
        "an additive mask may hold finite float32 values and -inf");
  else
    require_each(
        array, name, [](float value) { return value == 0 || value == 1; },
        "an integer mask must be 0 where a key is masked and 1 where it may be attended; save a boolean mask with .astype(bool), "
        "an additive one with .astype('float32')");

  auto stride = dense_strides(padded(array.shape));
  const auto whole = padded(array.shape);
  for (std::size_t axis = 0; axis < 4; ++axis)
    if (whole[axis] == 1) stride[axis] = 0;
  const auto size = static_cast<std::int64_t>(element_size(array.type));
  Tensor mask(shape, additive ? DType::f32 : DType::u8);
  std::vector<float> row(static_cast<std::size_t>(shape[3]));
  for (std::int64_t b = 0; b < shape[0]; ++b)
    for (std::int64_t h = 0; h < shape[1]; ++h)
      for (std::int64_t i = 0; i < shape[2]; ++i) {
        const auto* from = array.bytes.data.data() + (b * stride[0] + h * stride[1] + i * stride[2]) * size;
        convert_mask(array.type, from, stride[3] == 0 ? 1 : shape[3], row.data());
        if (stride[3] == 0) std::fill(row.begin() + 1, row.end(), row[0]);
        if (additive) std::copy(row.begin(), row.end(), mask.view().row(b, h, i));
        else
          std::transform(row.begin(), row.end(), mask.view<std::uint8_t>().row(b, h, i),
                         [](float value) { return static_cast<std::uint8_t>(value); });
      }
  return mask;
}

bool looks_boolean(const Array& mask) {
  if (!is_float(mask.type)) return false;
  bool some_one = false;
  for (std::int64_t i = 0; i < mask.count(); ++i) {
    const double value = mask.at(i);
    if (value != 0 && value != 1) return false;
    some_one |= value == 1;
  }
  return some_one;
}

}  // namespace attnbench
