#include "variants/kernels/softmax/weighted_values.h"

#include <cblas.h>

#include <algorithm>
#include <bit>

namespace attnbench::kernels {
namespace {

constexpr std::uint32_t kExponent = 0x7f800000;  // all ones in NaN and Inf only

bool is_finite(const float* x, std::int64_t count) {
  bool finite = true;
  for (std::int64_t c = 0; c < count; ++c) finite &= (std::bit_cast<std::uint32_t>(x[c]) & kExponent) != kExponent;
  return finite;
}

const float* value_row(const WeightedValues& t, std::int64_t j) { return t.values + j * t.value_stride; }

bool chunk_is_finite(const WeightedValues& t, KeyRange chunk) {
  for (auto j = chunk.begin; j < chunk.end; ++j)
    if (!is_finite(value_row(t, j), t.d_v)) return false;
  return true;
}

// values: row chunk.begin of what to multiply.
void multiply(const WeightedValues& t, KeyRange chunk, const float* values, std::int64_t value_stride) {
  const float keep = chunk.begin == 0 ? 0.0f : 1.0f;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(t.rows), static_cast<int>(t.d_v),
              static_cast<int>(chunk.size()), 1.0f, t.weights + chunk.begin, static_cast<int>(t.weight_stride), values,
              static_cast<int>(value_stride), keep, t.out, static_cast<int>(t.out_stride));
}

void add_key_to_rows_that_see_it(const WeightedValues& t, std::int64_t j) {
  const float* value = value_row(t, j);
  for (std::int64_t i = 0; i < t.rows; ++i) {
    const float weight = t.weights[i * t.weight_stride + j];
    if (weight == 0.0f) continue;
    for (std::int64_t c = 0; c < t.d_v; ++c) t.out[i * t.out_stride + c] += weight * value[c];
  }
}

void multiply_guarded(const WeightedValues& t, KeyRange chunk) {
  for (auto j = chunk.begin; j < chunk.end; ++j) {
    float* row = t.panel + (j - chunk.begin) * t.d_v;
    if (is_finite(value_row(t, j), t.d_v)) std::copy_n(value_row(t, j), t.d_v, row);
    else std::fill_n(row, t.d_v, 0.0f);
  }
  multiply(t, chunk, t.panel, t.d_v);
  for (auto j = chunk.begin; j < chunk.end; ++j)
    if (!is_finite(value_row(t, j), t.d_v)) add_key_to_rows_that_see_it(t, j);
}

}  // namespace

std::int64_t value_panel_size(std::int64_t keys, std::int64_t d_v) { return std::min(keys, kValueChunk) * d_v; }

void weighted_values(const WeightedValues& t) {
  if (t.keys == 0)
    for (std::int64_t i = 0; i < t.rows; ++i) std::fill_n(t.out + i * t.out_stride, t.d_v, 0.0f);
  for (std::int64_t begin = 0; begin < t.keys; begin += kValueChunk) {
    const KeyRange chunk{begin, std::min(begin + kValueChunk, t.keys)};
    const bool seen_by_all = t.seen_by_all.begin <= chunk.begin && chunk.end <= t.seen_by_all.end;
    if (seen_by_all || chunk_is_finite(t, chunk)) multiply(t, chunk, value_row(t, begin), t.value_stride);
    else multiply_guarded(t, chunk);
  }
}

}  // namespace attnbench::kernels
