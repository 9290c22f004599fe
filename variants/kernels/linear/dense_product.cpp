#include "variants/kernels/linear/dense_product.h"

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/linear/dense_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/linear/linear_features-inl.h"
#include "variants/kernels/linear/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

struct ProductTiles {
  const DenseProduct& p;

  template <int R, int V>
  void tile(std::int64_t row, std::int64_t column) const {
    const FloatTag d;
    FloatVec sum[R][V];
    clear(sum);
    multiply_add({p.a.data + row * p.a.stride, p.a.stride, 1}, p.b.data + column, p.b.stride, p.k, sum);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        float* to = p.c.data + (row + r) * p.c.stride + column + v * kLanes;
        hn::StoreU(p.add ? hn::Add(hn::LoadU(d, to), sum[r][v]) : sum[r][v], d, to);
      }
  }
};

}  // namespace

void multiply_dense(const DenseProduct& product) {
  const FlushDenormals flush;
  all_tiles(ProductTiles{product}, product.m, product.n);
}

// Columns [c, c + V vectors) of the mean: rows are read along, not down.
template <int V>
HWY_INLINE void mean_columns(Rows<const float> x, std::int64_t count, std::int64_t dim, std::int64_t c, float* to) {
  const FloatTag d;
  FloatVec sum[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) sum[v] = hn::Zero(d);
  for (std::int64_t t = 0; t < count; ++t)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[v] = hn::Add(sum[v], load_within(x.data + t * x.stride + c + v * kLanes, dim - c - v * kLanes));
  const auto factor = hn::Set(d, 1.0f / static_cast<float>(count));
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) store_within(hn::Mul(sum[v], factor), to + c + v * kLanes, dim - c - v * kLanes);
}

void mean_dense(Rows<const float> x, std::int64_t count, std::int64_t dim, float* to) {
  const FlushDenormals flush;
  std::int64_t c = 0;
  for (; c + 4 * kLanes <= dim; c += 4 * kLanes) mean_columns<4>(x, count, dim, c, to);
  for (; c < dim; c += kLanes) mean_columns<1>(x, count, dim, c, to);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(multiply_dense);
HWY_EXPORT(mean_dense);

}  // namespace

void multiply(const DenseProduct& product) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(multiply_dense)(product);
}

void mean_of_rows(Rows<const float> x, std::int64_t count, std::int64_t dim, float* to) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(mean_dense)(x, count, dim, to);
}

}  // namespace attnbench::kernels
#endif
