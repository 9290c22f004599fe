// The register tile of linear attention's products, compiled once per instruction set:
//
//   sum[r][v] += a[r][t] b[t][v]        a broadcast from memory, b and the sums in vectors along the columns.
//
// Register budget, kTileRows x kTileVectors sums + kTileVectors of b + 1 broadcast: 6 x 4 is 24 + 4 + 1 = 29 of 32 (AVX-512,
// AArch64), 6 x 2 is 12 + 2 + 1 = 15 of 16 (AVX2, SSE4). A step of 24 multiply-adds makes 10 loads, one of 12 makes 8: two load
// ports keep up with two multiply-add ports, and 12 independent sums cover their latency of 4 cycles.
#if defined(ATTNBENCH_REGISTER_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_REGISTER_TILE_INL
#undef ATTNBENCH_REGISTER_TILE_INL
#else
#define ATTNBENCH_REGISTER_TILE_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kTileVectors = kBlocking.linear.vectors;
constexpr int kTileRows = kBlocking.linear.rows;

// A matrix read by scalars, element (r, t) at data[r * row + t * step].
struct Scalars {
  const float* data;
  std::int64_t row, step;
};

template <int R, int V>
HWY_INLINE void clear(FloatVec (&sum)[R][V]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = hn::Zero(FloatTag());
}

// sum[r][v] += sum over t < count of a[r][t] b[t][v]
template <int R, int V>
HWY_INLINE void multiply_add(const Scalars& a, const float* b, std::int64_t b_step, std::int64_t count, FloatVec (&sum)[R][V]) {
  const FloatTag d;
  for (std::int64_t t = 0; t < count; ++t) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
    asm volatile("" ::: "memory");  // keeps GCC 12 from vectorising this loop itself: its code reads step `count`, beyond the end
#endif
    const float *at = a.data + t * a.step, *from = b + t * b_step;
    FloatVec vectors[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) vectors[v] = hn::LoadU(d, from + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto factor = hn::Set(d, at[r * a.row]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(factor, vectors[v], sum[r][v]);
    }
  }
}

template <int V, class Product>
HWY_INLINE void row_tiles(const Product& product, std::int64_t rows, std::int64_t column) {
  std::int64_t r = 0;
  for (; r + kTileRows <= rows; r += kTileRows) product.template tile<kTileRows, V>(r, column);
  for (; r + 4 <= rows; r += 4) product.template tile<4, V>(r, column);
  for (; r + 2 <= rows; r += 2) product.template tile<2, V>(r, column);
  if (r < rows) product.template tile<1, V>(r, column);
}

// Calls product.tile<R, V>(row, column) over a matrix, column block by column block: one of b stays in L1 while the rows pass.
template <class Product>
void all_tiles(const Product& product, std::int64_t rows, std::int64_t columns) {
  std::int64_t c = 0;
  for (; c + (kTileVectors - 1) * kLanes < columns; c += kTileVectors * kLanes) row_tiles<kTileVectors>(product, rows, c);
  if constexpr (kTileVectors > 2) {
    if (c + kLanes < columns) {
      row_tiles<2>(product, rows, c);
      c += 2 * kLanes;
    }
  }
  if (c < columns) row_tiles<1>(product, rows, c);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
