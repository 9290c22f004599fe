// A causal convolution of some channels of one head with a filter as long as the sequence, by Fourier transforms.
#pragma once

#include <cstdint>

#include "variants/kernels/fourier/fft_plan.h"

namespace attnbench::kernels {

/// y_t = q_t sum_{j <= t, j < tokens} h_{t-j} k_j v_j, element by element over `channels` channels; rows t < rows. Without q and k
/// (null) they count as 1. Strides in floats.
struct LongConvolution {
  const float *q, *k;
  std::int64_t q_stride, k_stride;
  const float* v;
  std::int64_t v_stride;
  float* y;
  std::int64_t y_stride;
  std::int64_t channels, rows, tokens;
  const FftPlan& plan;    // its size is at least 2 rows - 1, so that nothing comes around
  const float* spectrum;  // of h, scaled_spectra()
};

/// Channels that one call takes at most: real and imaginary parts of the sequences that the instruction set in force holds.
std::int64_t most_channels();

/// scratch: convolution_floats(plan).
void convolve(const LongConvolution& task, float* scratch);

/// Floats of scratch for a plan, whatever the instruction set.
std::int64_t convolution_floats(const FftPlan& plan);

}  // namespace attnbench::kernels
