// Rows to lanes and back: the queries go in, and the output comes out, through square transposes as wide as a vector. Element by
// element they would cost a third of a call at n = 64.
#if defined(ATTNBENCH_TRANSPOSE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_TRANSPOSE_INL
#undef ATTNBENCH_TRANSPOSE_INL
#else
#define ATTNBENCH_TRANSPOSE_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kSide = kLanes;             // rows and columns of a square
constexpr int kBlocks = (kSide + 3) / 4;  // of 128 bits in a vector

#if HWY_TARGET != HWY_SCALAR
/// Transposes each 4 x 4 block of 4 rows: afterwards block b of x[j] holds column 4 b + j.
HWY_INLINE void transpose_in_blocks(FloatVec* x) {
  const FloatTag d;
  const auto even_low = hn::InterleaveLower(d, x[0], x[2]), odd_low = hn::InterleaveLower(d, x[1], x[3]);
  const auto even_high = hn::InterleaveUpper(d, x[0], x[2]), odd_high = hn::InterleaveUpper(d, x[1], x[3]);
  x[0] = hn::InterleaveLower(d, even_low, odd_low);
  x[1] = hn::InterleaveUpper(d, even_low, odd_low);
  x[2] = hn::InterleaveLower(d, even_high, odd_high);
  x[3] = hn::InterleaveUpper(d, even_high, odd_high);
}

/// Block b of x[4 g] changes places with block g of x[4 b].
HWY_INLINE void transpose_blocks(FloatVec* x) {
  [[maybe_unused]] const FloatTag d;
  if constexpr (kBlocks == 2) {
    const auto a = x[0], b = x[4];
    x[0] = hn::ConcatLowerLower(d, b, a);
    x[4] = hn::ConcatUpperUpper(d, b, a);
  }
  if constexpr (kBlocks == 4) {
    const auto even_low = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(x[4]), x[0]);
    const auto odd_low = hn::OddEvenBlocks(x[4], hn::SwapAdjacentBlocks(x[0]));
    const auto even_high = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(x[12]), x[8]);
    const auto odd_high = hn::OddEvenBlocks(x[12], hn::SwapAdjacentBlocks(x[8]));
    x[0] = hn::ConcatLowerLower(d, even_high, even_low);
    x[4] = hn::ConcatLowerLower(d, odd_high, odd_low);
    x[8] = hn::ConcatUpperUpper(d, even_high, even_low);
    x[12] = hn::ConcatUpperUpper(d, odd_high, odd_low);
  }
}
#endif

HWY_INLINE void transpose([[maybe_unused]] FloatVec (&x)[kSide]) {
#if HWY_TARGET != HWY_SCALAR
  static_assert(kBlocks == 1 || kBlocks == 2 || kBlocks == 4);
#pragma GCC unroll 4
  for (int g = 0; g < kBlocks; ++g) transpose_in_blocks(x + 4 * g);
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) transpose_blocks(x + j);
#endif
}

/// Calls f(c) with the first column of each square that `dim` columns are cut into, the last two overlapping where kSide does not
/// divide it; returns the columns that are left, all of them where they are fewer than kSide.
template <class F>
HWY_INLINE std::int64_t for_squares(std::int64_t dim, F f) {
  if (dim < kSide) return 0;
  for (std::int64_t c = 0; c < dim; c += kSide) f(std::min(c, dim - kSide));
  return dim;
}

/// to[c * stride + l] = rows[l][c] factors[l] for l < lanes, c < dim; 0 for the lanes beyond that fill their last vector.
inline void rows_to_lanes(const float* const* rows, const float* factors, std::int64_t lanes, std::int64_t dim, float* to,
                          std::int64_t stride) {
  const FloatTag d;
  for (std::int64_t first = 0; first < lanes; first += kSide) {
    const auto count = std::min<std::int64_t>(kSide, lanes - first);
    auto c = for_squares(dim, [&](std::int64_t column) HWY_ATTR {
      FloatVec x[kSide];
#pragma GCC unroll 16
      for (int r = 0; r < kSide; ++r)
        x[r] = r < count ? hn::Mul(hn::LoadU(d, rows[first + r] + column), hn::Set(d, factors[first + r])) : hn::Zero(d);
      transpose(x);
#pragma GCC unroll 16
      for (int r = 0; r < kSide; ++r) hn::StoreU(x[r], d, to + (column + r) * stride + first);
    });
    for (; c < dim; ++c)
      for (std::int64_t l = first; l < first + kSide; ++l) to[c * stride + l] = l < lanes ? rows[l][c] * factors[l] : 0.0f;
  }
}

/// rows[l][c] = from[c * stride + l] factors[l] for l < lanes, c < dim. Reads the last vector of lanes whole.
inline void lanes_to_rows(const float* from, std::int64_t stride, const float* factors, std::int64_t lanes, std::int64_t dim,
                          float* const* rows) {
  const FloatTag d;
  for (std::int64_t first = 0; first < lanes; first += kSide) {
    const auto count = std::min<std::int64_t>(kSide, lanes - first);
    auto c = for_squares(dim, [&](std::int64_t column) HWY_ATTR {
      FloatVec x[kSide];
#pragma GCC unroll 16
      for (int r = 0; r < kSide; ++r) x[r] = hn::LoadU(d, from + (column + r) * stride + first);
      transpose(x);
#pragma GCC unroll 16
      for (int r = 0; r < kSide; ++r)
        if (r < count) hn::StoreU(hn::Mul(x[r], hn::Set(d, factors[first + r])), d, rows[first + r] + column);
    });
    for (; c < dim; ++c)
      for (std::int64_t l = first; l < first + count; ++l) rows[l][c] = from[c * stride + l] * factors[l];
  }
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
