// The element-wise parts of a transformer layer, a row at a time.
#pragma once

#include <cstdint>

namespace attnbench::kernels {

constexpr double kLayerNormEpsilon = 1e-5;

/// y = gain (x - mean) / sqrt(variance + 1e-5) + bias; y may be x. Ba, Kiros & Hinton 2016, equation 4.
void layer_norm(const float* x, const float* gain, const float* bias, float* y, std::int64_t count);

/// x += y
void add_row(const float* y, float* x, std::int64_t count);

/// x = max(0, x + bias)
void bias_relu(const float* bias, float* x, std::int64_t count);

/// x = u (1 + tanh(sqrt(2 / pi) (u + 0.044715 u^3))) / 2 of u = x + bias: Hendrycks & Gimpel 2016, section 2, which approximates
/// u Phi(u) to 5e-4.
void bias_gelu(const float* bias, float* x, std::int64_t count);

}  // namespace attnbench::kernels
