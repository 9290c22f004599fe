// SIMD loops over rows of float32 that several variants share: dot products, softmax of a row, exp and tanh, the score of
// additive attention. Each call dispatches once to the instruction set in force (about 2 ns): call them on rows, not on single
// elements. No alignment is asked for, nothing beyond `count` elements is read or written, counts of 0 are fine.
#pragma once

#include <cstdint>

namespace attnbench::kernels {

/// sum_i a[i] b[i]
float dot(const float* a, const float* b, std::int64_t count);

/// y[i] += a x[i]
void axpy(float a, const float* x, float* y, std::int64_t count);

/// x[i] *= a
void scale(float a, float* x, std::int64_t count);

/// y[i] = e^x[i], relative error <= 2.0e-7; 0 below x = -87.33 and for -inf, clamped to e^88 above, NaN for NaN. y may be x.
void exp(const float* x, float* y, std::int64_t count);

/// y[i] = 2^(factor x[i]) where that is at most 1; 0 below 2^-125.5, NaN for NaN. Relative error <= 1.9e-7; without fused
/// multiply-add 4.2e-8 |factor x| more. y may be x.
void exp2_scaled(const float* x, float factor, float* y, std::int64_t count);

/// y[i] = tanh x[i], relative error <= 2.0e-7; NaN for NaN. y may be x.
void tanh(const float* x, float* y, std::int64_t count);

/// row = softmax(row). Entries of -inf weigh exactly 0; a row of nothing but -inf becomes all 0.
void softmax_in_place(float* row, std::int64_t count);

/// Bahdanau et al. 2015, appendix A.1.2: scores[j] = sum_c v[c] tanh(query[c] + keys[j * key_stride + c]) for j in [0, n_keys),
/// c in [0, dim). query and keys are already projected (W_q q and W_k k).
void additive_scores(const float* query, const float* keys, std::int64_t key_stride, const float* v, std::int64_t dim,
                     std::int64_t n_keys, float* scores);

}  // namespace attnbench::kernels
