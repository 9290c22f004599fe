// TensorView: a non-owning, typed, strided [batch, head, n, d] window on memory; rows are contiguous (stride of d is 1).
// TensorRef:  the same with the element type known only at run time, so that bf16 needs no new interface.
// Tensor:     owns zeroed, 64-byte aligned memory, laid out densely.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "variants/api/memory.h"
#include "variants/api/problem.h"

namespace attnbench {

using Shape = std::array<std::int64_t, 4>;

inline std::int64_t element_count(const Shape& shape) { return shape[0] * shape[1] * shape[2] * shape[3]; }

/// Element strides of a dense row-major tensor.
inline Shape dense_strides(const Shape& s) { return {s[1] * s[2] * s[3], s[2] * s[3], s[3], 1}; }

template <class T>
struct TensorView {
  T* data = nullptr;
  Shape shape{};   // [batch, head, n, d]
  Shape stride{};  // in elements; 0 broadcasts; stride[3] is always 1

  std::int64_t batch() const { return shape[0]; }
  std::int64_t heads() const { return shape[1]; }
  std::int64_t rows() const { return shape[2]; }
  std::int64_t dim() const { return shape[3]; }
  /// Elements between two rows of one head.
  std::int64_t row_stride() const { return stride[2]; }
  /// First element of a row; the next dim() elements are contiguous.
  T* row(std::int64_t b, std::int64_t h, std::int64_t i) const { return data + b * stride[0] + h * stride[1] + i * stride[2]; }
};

struct TensorRef {
  void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape{};
  Shape stride{};

  /// The typed view; T (with or without const) must match dtype.
  template <class T>
  TensorView<T> as() const {
    assert(sizeof(T) == element_size(dtype));
    return {static_cast<T*>(data), shape, stride};
  }
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(const Shape& shape, DType dtype = DType::f32) : shape_(shape), dtype_(dtype), memory_(bytes()) {
    std::memset(memory_.data(), 0, bytes());
  }

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::size_t bytes() const { return static_cast<std::size_t>(element_count(shape_)) * element_size(dtype_); }
  bool empty() const { return memory_.data() == nullptr; }

  template <class T = float>
  T* data() const {
    assert(sizeof(T) == element_size(dtype_));
    return reinterpret_cast<T*>(memory_.data());
  }
  TensorRef ref() const { return {memory_.data(), dtype_, shape_, dense_strides(shape_)}; }
  template <class T = float>
  TensorView<T> view() const {
    return ref().as<T>();
  }

 private:
  Shape shape_{};
  DType dtype_ = DType::f32;
  Memory memory_;
};

/// The same tensor seen with size-1 batch and head axes stretched to `batch` and `heads` (stride 0). Used for dense masks.
inline TensorRef broadcast(TensorRef ref, std::int64_t batch, std::int64_t heads) {
  if (ref.shape[0] == 1) ref.stride[0] = 0;
  if (ref.shape[1] == 1) ref.stride[1] = 0;
  ref.shape[0] = batch;
  ref.shape[1] = heads;
  return ref;
}

}  // namespace attnbench
