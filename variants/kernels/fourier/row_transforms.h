// The two transforms of FNet, along the channels of token rows and along the sequence, with real input and a real result.
//
// x is real, so channel D - k of a row's transform is the conjugate of channel k: `kept` = D / 2 + 1 channels say all.
#pragma once

#include <cstdint>

#include "variants/api/problem.h"
#include "variants/api/tensor.h"
#include "variants/kernels/fourier/fft_plan.h"

namespace attnbench::kernels {

constexpr std::int64_t kMostLanes = 16;  // floats of a vector, on any instruction set

/// Rows of transformed channels: real and imaginary parts, [rows][stride] each; stride is `kept` rounded up to whole vectors.
struct ComplexRows {
  float *re, *im;
  std::int64_t stride;
};
inline std::int64_t kept_channels(std::int64_t width) { return width / 2 + 1; }
inline std::int64_t kept_stride(std::int64_t width) { return (kept_channels(width) + kMostLanes - 1) / kMostLanes * kMostLanes; }

/// Rows that transform_channels() takes at most.
std::int64_t most_rows();

/// `to` = the kept channels of the transforms of token rows [rows.begin, rows.end) of batch entry b; plan of D.
void transform_channels(const TensorView<const float>& x, std::int64_t b, KeyRange rows, const FftPlan& plan, const ComplexRows& to,
                        float* scratch);

/// Channels that transform_sequence() takes.
std::int64_t most_sequences();

/// The real parts of the transforms over the rows, of channels [first, first + most_sequences()), in place of `rows.re`.
void transform_sequence(const ComplexRows& rows, std::int64_t first, const FftPlan& plan, float* scratch);

/// Floats of scratch that either takes.
std::int64_t transform_floats(const FftPlan& plan);

}  // namespace attnbench::kernels
