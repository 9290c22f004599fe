// Rows to lanes and back: the queries go in, and the output comes out, through 4 x 4 transposes. Element by element they would
// cost a third of a call at n = 64.
#if defined(ATTNBENCH_TRANSPOSE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_TRANSPOSE_INL
#undef ATTNBENCH_TRANSPOSE_INL
#else
#define ATTNBENCH_TRANSPOSE_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
constexpr std::int64_t kSquare = 1;
#else
constexpr std::int64_t kSquare = 4;
using SquareTag = hn::FixedTag<float, kSquare>;
using SquareVec = hn::Vec<SquareTag>;

HWY_INLINE void transpose(SquareVec (&x)[kSquare]) {
  const SquareTag d;
  const auto even_low = hn::InterleaveLower(d, x[0], x[2]), odd_low = hn::InterleaveLower(d, x[1], x[3]);
  const auto even_high = hn::InterleaveUpper(d, x[0], x[2]), odd_high = hn::InterleaveUpper(d, x[1], x[3]);
  x[0] = hn::InterleaveLower(d, even_low, odd_low);
  x[1] = hn::InterleaveUpper(d, even_low, odd_low);
  x[2] = hn::InterleaveLower(d, even_high, odd_high);
  x[3] = hn::InterleaveUpper(d, even_high, odd_high);
}
#endif

/// to[c * stride + l] = rows[l][c] factors[l] for l < lanes, c < dim.
inline void rows_to_lanes(const float* const* rows, const float* factors, std::int64_t lanes, std::int64_t dim, float* to,
                          std::int64_t stride) {
  std::int64_t l = 0;
#if HWY_TARGET != HWY_SCALAR
  const SquareTag d;
  for (; l + kSquare <= lanes; l += kSquare) {
    const auto factor = hn::LoadU(d, factors + l);
    std::int64_t c = 0;
    for (; c + kSquare <= dim; c += kSquare) {
      SquareVec x[kSquare];
      for (int r = 0; r < kSquare; ++r) x[r] = hn::LoadU(d, rows[l + r] + c);
      transpose(x);
      for (int r = 0; r < kSquare; ++r) hn::StoreU(hn::Mul(x[r], factor), d, to + (c + r) * stride + l);
    }
    for (; c < dim; ++c)
      for (int r = 0; r < kSquare; ++r) to[c * stride + l + r] = rows[l + r][c] * factors[l + r];
  }
#endif
  for (; l < lanes; ++l)
    for (std::int64_t c = 0; c < dim; ++c) to[c * stride + l] = rows[l][c] * factors[l];
}

/// rows[l][c] = from[c * stride + l] factors[l] for l < lanes, c < dim.
inline void lanes_to_rows(const float* from, std::int64_t stride, const float* factors, std::int64_t lanes, std::int64_t dim,
                          float* const* rows) {
  std::int64_t l = 0;
#if HWY_TARGET != HWY_SCALAR
  const SquareTag d;
  for (; l + kSquare <= lanes; l += kSquare) {
    const auto factor = hn::LoadU(d, factors + l);
    std::int64_t c = 0;
    for (; c + kSquare <= dim; c += kSquare) {
      SquareVec x[kSquare];
      for (int r = 0; r < kSquare; ++r) x[r] = hn::Mul(hn::LoadU(d, from + (c + r) * stride + l), factor);
      transpose(x);
      for (int r = 0; r < kSquare; ++r) hn::StoreU(x[r], d, rows[l + r] + c);
    }
    for (; c < dim; ++c)
      for (int r = 0; r < kSquare; ++r) rows[l + r][c] = from[c * stride + l + r] * factors[l + r];
  }
#endif
  for (; l < lanes; ++l)
    for (std::int64_t c = 0; c < dim; ++c) rows[l][c] = from[c * stride + l] * factors[l];
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
