// The products of linear attention on panels of keys and rows whose features are ready, and the sums that go with them.
#if defined(ATTNBENCH_PANEL_PRODUCTS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_PANEL_PRODUCTS_INL
#undef ATTNBENCH_PANEL_PRODUCTS_INL
#else
#define ATTNBENCH_PANEL_PRODUCTS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "variants/kernels/linear/linear_features-inl.h"
#include "variants/kernels/linear/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

// Keys ready for the product.
struct KeyPanel {
  std::int64_t count;
  const float* features;  // [count][width]: phi(K)
  std::int64_t width;     // of a row of features, whole vectors
  const float* values;    // rows that may be read to the end of their last vector
  std::int64_t value_stride;
};

// S += phi(K)^T V. The panel's own sum is formed first and added once: rounding errors grow with panels, not with keys.
struct StateProduct {
  const KeyPanel& keys;
  float* s;
  std::int64_t s_stride;

  template <int R, int V>
  void tile(std::int64_t row, std::int64_t column) const {
    const FloatTag d;
    FloatVec sum[R][V];
    clear(sum);
    multiply_add({keys.features + row, 1, keys.width}, keys.values + column, keys.value_stride, keys.count, sum);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        float* to = s + (row + r) * s_stride + column + v * kLanes;
        hn::StoreU(hn::Add(hn::LoadU(d, to), sum[r][v]), d, to);
      }
  }
};

// out[i] = phi(q_i)^T S inverse[i]
struct OutputProduct {
  const LinearState& state;
  const float *queries, *inverse;  // [rows][width], [rows]
  std::int64_t width;
  Rows<float> out;

  template <int R, int V>
  void tile(std::int64_t row, std::int64_t column) const {
    const FloatTag d;
    FloatVec sum[R][V];
    clear(sum);
    multiply_add({queries + row * width, width, 1}, state.sums + column, padded(state.d_v), state.d_qk, sum);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto factor = hn::Set(d, inverse[row + r]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const auto c = column + v * kLanes;
        store_within(hn::Mul(sum[r][v], factor), out.data + (row + r) * out.stride + c, state.d_v - c);
      }
    }
  }
};

// The rows themselves where their last vector ends with them, else a copy with room behind each.
inline Rows<const float> padded_rows(Rows<const float> x, std::int64_t count, std::int64_t dim, float* copy) {
  if (dim % kLanes == 0) return x;
  const auto stride = padded(dim);
  for (std::int64_t j = 0; j < count; ++j) {
    std::copy_n(x.data + j * x.stride, dim, copy + j * stride);
    std::fill_n(copy + j * stride + dim, stride - dim, 0.0f);
  }
  return {copy, stride};
}

// z += sum of the panel's features, formed first as for S
inline void add_feature_sums(const KeyPanel& keys, std::int64_t d_qk, float* z) {
  const FloatTag d;
  for (std::int64_t c = 0; c < d_qk; c += kLanes) {
    auto sum = hn::Zero(d);
    for (std::int64_t j = 0; j < keys.count; ++j) sum = hn::Add(sum, hn::LoadU(d, keys.features + j * keys.width + c));
    hn::StoreU(hn::Add(hn::LoadU(d, z + c), sum), d, z + c);
  }
}

// inverse[i] = 1 / phi(q_i)^T z, 0 for 1 / 0.
inline void invert_totals(const float* queries, const float* z, std::int64_t d_qk, std::int64_t count, std::int64_t width,
                          float* inverse) {
  const FloatTag d;
  for (std::int64_t i = 0; i < count; ++i) {
    auto sum = hn::Zero(d);
    for (std::int64_t c = 0; c < d_qk; c += kLanes)
      sum = hn::MulAdd(hn::LoadU(d, queries + i * width + c), hn::LoadU(d, z + c), sum);
    const float total = hn::GetLane(hn::SumOfLanes(d, sum));
    inverse[i] = total == 0 ? 0 : 1 / total;
  }
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
