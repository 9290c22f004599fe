// Weights times values with BLAS, where a weight of exactly 0 means "masked": a masked key's value may be NaN or Inf and must
// not reach the output, although a matrix product would compute 0 x NaN = NaN.
//
// Keys are taken in chunks. Only a chunk that masks some key for some row is scanned; where it holds a non-finite value, the
// product runs on a copy with those keys set to zero, and the rows that do see them get their share added afterwards. A product
// with finite values and one with NaN in masked keys give the same bits, so changing the future never moves the past.
#pragma once

#include <cstdint>

#include "variants/api/problem.h"
#include "variants/kernels/blocking.h"

namespace attnbench::kernels {

/// out[rows, d_v] = weights[rows, keys] values[keys, d_v]; row-major, strides in elements. No keys give zeros.
struct WeightedValues {
  const float* weights;
  std::int64_t weight_stride;
  std::int64_t rows;
  const float* values;
  std::int64_t value_stride;
  std::int64_t keys;
  std::int64_t d_v;
  float* out;
  std::int64_t out_stride;
  KeyRange seen_by_all;  // keys (counted from `values`) that no row masks: never scanned
  float* panel;          // scratch of value_panel_size(keys, d_v) floats
};

/// Floats of scratch that one call needs.
std::int64_t value_panel_size(std::int64_t keys, std::int64_t d_v);

/// Single-threaded; call it from one task per row block.
void weighted_values(const WeightedValues& task);

}  // namespace attnbench::kernels
