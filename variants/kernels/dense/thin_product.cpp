// Register budget, 32 registers: 6 rows x 4 vectors = 24 sums + 4 of the matrix + 1 broadcast. 16 registers: 2 x 4 + 4 + 1. One row
// has four sums only, one multiply-add a cycle: as fast as a level-2 cache delivers the vectors of B, of which each is used once.
#include "variants/kernels/dense/thin_product.h"

#include <algorithm>

#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/dense/thin_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

constexpr int kVectors = 4;
constexpr int kMostRows = kBlocking.registers == 32 ? 6 : 2;

// Four vectors of columns of R rows.
template <int R>
HWY_INLINE void add_tile(const float* a, std::int64_t a_stride, std::int64_t depth, const float* b, float* c,
                         std::int64_t c_stride) {
  const FloatTag d;
  FloatVec sum[R][kVectors];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::LoadU(d, c + r * c_stride + v * kLanes);
  for (std::int64_t k = 0; k < depth; ++k, b += kPanelColumns) {
    FloatVec column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = hn::LoadU(d, b + v * kLanes);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const auto x = hn::Set(d, a[r * a_stride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(x, column[v], sum[r][v]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * c_stride + v * kLanes);
}

template <int R>
void add_rows(const float* a, std::int64_t a_stride, std::int64_t rows, std::int64_t depth, const float* b, float* c,
              std::int64_t c_stride) {
  for (; rows >= R; rows -= R, a += R * a_stride, c += R * c_stride) add_tile<R>(a, a_stride, depth, b, c, c_stride);
  if constexpr (R > 1) add_rows<R == 6 ? 4 : R / 2>(a, a_stride, rows, depth, b, c, c_stride);
}

void thin_product(const float* a, std::int64_t a_stride, std::int64_t rows, const PackedMatrix& b, KeyRange panels, float* c,
                  std::int64_t c_stride) {
  for (auto p = panels.begin; p < panels.end; ++p)
    for (std::int64_t column = 0; column < kPanelColumns; column += kVectors * kLanes)
      add_rows<kMostRows>(a, a_stride, rows, b.rows, b.panel(p) + column, c + p * kPanelColumns + column, c_stride);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(thin_product);

}  // namespace

PackedMatrix pack_matrix(const std::vector<float>& matrix, std::int64_t rows, std::int64_t columns) {
  PackedMatrix packed{rows, columns};
  packed.panels.assign(static_cast<std::size_t>(packed.panel_count() * rows * kPanelColumns), 0.0f);
  for (std::int64_t k = 0; k < rows; ++k)
    for (std::int64_t first = 0; first < columns; first += kPanelColumns)
      std::copy_n(matrix.data() + k * columns + first, std::min(kPanelColumns, columns - first),
                  packed.panels.data() + (first / kPanelColumns * rows + k) * kPanelColumns);
  return packed;
}

void add_thin_product(const float* a, std::int64_t a_stride, std::int64_t rows, const PackedMatrix& b, KeyRange panels, float* c,
                      std::int64_t c_stride) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(thin_product)(a, a_stride, rows, b, panels, c, c_stride);
}

}  // namespace attnbench::kernels
#endif
