// GuardedOutput: an output tensor that notices writes where none belong and elements that were never written.
//
// Everything starts as one particular NaN: the elements, the padding after each row (when rows are padded) and a guard line
// before and after the tensor. What still holds that NaN afterwards was never written; padding that does not was overrun.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "variants/api/tensor.h"

namespace attnbench {

class GuardedOutput {
 public:
  /// Dense rows leave the elements as they lie when timed; padded rows catch writes past the end of each row, and runs that
  /// ignore the strides.
  enum class Rows { dense, padded };
  GuardedOutput(const Shape& shape, Rows rows);

  TensorRef ref() const;
  TensorView<const float> view() const { return ref().as<const float>(); }

  /// One line saying where a guard or padding was overwritten; empty when none was.
  std::string overrun() const;
  /// The rows `rows` of every (batch, head), dense: [b][h][rows.size()][d].
  std::vector<float> gather(std::span<const std::int64_t> rows) const;

  /// Whether this is the NaN that elements start with, bit for bit.
  static bool is_poison(float value);
  static float poison();

 private:
  Shape shape_;
  std::int64_t row_stride_;
  Tensor memory_;
};

}  // namespace attnbench
