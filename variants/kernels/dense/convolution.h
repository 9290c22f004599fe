// One filter per channel over the rows of a head, and the gate of a gated convolution.
#pragma once

#include <cstdint>

#include "variants/api/problem.h"

namespace attnbench::kernels {

/// Tap u of row t reads row t + first - u dilation: first = 0 looks back only.
struct Taps {
  std::int64_t count, first, dilation;

  std::int64_t offset(std::int64_t u) const { return first - u * dilation; }
};

/// y[t - rows.begin][c] = sum_u w[u][c] x[t + offset(u)][c] for c < channels and t in `rows`, over the taps that meet a row of x,
/// which has `x_rows` of them. Strides in floats; w[u] lies u * w_stride on.
struct DepthwiseRows {
  const float* x;
  std::int64_t x_stride, x_rows;
  const float* w;
  std::int64_t w_stride;
  float* y;
  std::int64_t y_stride, channels;
  KeyRange rows;
  Taps taps;
};
void depthwise_convolution(const DepthwiseRows& task);

/// y[c] = a[c] sig(b[c]); y may be a.
void gated_linear_unit(const float* a, const float* b, float* y, std::int64_t count);

}  // namespace attnbench::kernels
