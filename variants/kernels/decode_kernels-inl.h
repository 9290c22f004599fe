// The two products of decoding, for the code of one Highway target: few query rows against keys and values that stream by.
//
// Vector lanes run along the head dimension, because the query rows are too few to fill them. Four keys are in flight: they are
// loaded once from memory and meet all query rows, kRowBlock at a time, while they are in L1. Registers:
//   32 (AVX-512, AArch64)   scores 4 x 4 sums + 4 keys + 1 query = 21;  values 4 x 4 weights + 4 values + 1 sum = 21
//   16 (AVX2, SSE4)         scores 2 x 4 sums + 4 keys + 1 query = 13;  values 2 x 4 weights + 4 values + 1 sum = 13
// One query row is bound by memory; from 2 rows on, bring_rows() makes the arithmetic of a block of keys and the arrival of the
// next one overlap.
#if defined(ATTNBENCH_DECODE_KERNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_DECODE_KERNELS_INL
#undef ATTNBENCH_DECODE_KERNELS_INL
#else
#define ATTNBENCH_DECODE_KERNELS_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "variants/kernels/micro_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

constexpr int kKeys = 4;
constexpr int kRowBlock = kRows == 8 ? 4 : 2;

/// How `dim` floats of a row in the caller's memory sit in vectors: whole ones, then a last one that ends at the row's end, its
/// lanes that a whole vector holds already set to 0. Nothing beyond the row is read, on any target.
struct RowShape {
  std::int64_t dim;
  std::int64_t whole;  // floats in whole vectors

  explicit RowShape(std::int64_t row_dim) : dim(row_dim), whole(row_dim / kLanes * kLanes) {}
  bool has_last() const { return whole < dim; }
  /// The row's element in lane l of the last vector; negative where the row is shorter than a vector.
  std::int64_t element(std::int64_t l) const { return dim - kLanes + l; }

  HWY_INLINE FloatVec load_last(const float* row) const {
    const FloatTag d;
    if (dim < kLanes) {
      HWY_ALIGN float lanes[kLanes] = {};
      std::copy_n(row, dim, lanes + kLanes - dim);
      return hn::Load(d, lanes);
    }
    const auto fresh = hn::Ge(hn::Iota(d, 0.0f), hn::Set(d, static_cast<float>(kLanes - (dim - whole))));
    return hn::IfThenElseZero(fresh, hn::LoadU(d, row + dim - kLanes));
  }

  /// Calls step(c, load) for each vector that a row has, c being where it begins: load(row) is that vector of that row.
  template <class Step>
  HWY_INLINE void for_vectors(Step step) const {
    for (std::int64_t c = 0; c < whole; c += kLanes)
      step(c, [=](const float* row) HWY_ATTR { return hn::LoadU(FloatTag(), row + c); });
    if (has_last()) step(whole, [this](const float* row) HWY_ATTR { return load_last(row); });
  }
};

#if HWY_TARGET == HWY_SCALAR  // has no lanes to interleave
HWY_INLINE void store_sums(const FloatVec* v, float* to) {
  for (int i = 0; i < kKeys; ++i) to[i] = hn::GetLane(v[i]);
}
#else
/// Adds the upper half of a vector to its lower one until 4 lanes are left, and stores those.
template <class D>
HWY_INLINE void store_folded(D d, hn::Vec<D> v, float* to) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    store_folded(hn::Half<D>(), hn::Add(hn::LowerHalf(hn::Half<D>(), v), hn::UpperHalf(hn::Half<D>(), v)), to);
  } else {
    hn::StoreU(v, d, to);
  }
}

/// to[i] = the sum of all lanes of v[i], i = 0..3: a 4 x 4 transposition with additions in each block of 4 lanes.
HWY_INLINE void store_sums(const FloatVec* v, float* to) {
  const FloatTag d;
  const hn::RepartitionToWide<FloatTag> wide;
  const auto a = hn::Add(hn::InterleaveLower(d, v[0], v[1]), hn::InterleaveUpper(d, v[0], v[1]));
  const auto b = hn::Add(hn::InterleaveLower(d, v[2], v[3]), hn::InterleaveUpper(d, v[2], v[3]));
  const auto low = hn::InterleaveLower(wide, hn::BitCast(wide, a), hn::BitCast(wide, b));
  const auto high = hn::InterleaveUpper(wide, hn::BitCast(wide, a), hn::BitCast(wide, b));
  store_folded(d, hn::Add(hn::BitCast(d, low), hn::BitCast(d, high)), to);
}
#endif

constexpr std::int64_t kLine = 16;      // floats in a cache line
constexpr std::int64_t kAhead = kKeys;  // rows; see bring_rows()

/// Brings 4 rows into L1 in the order of memory, those there are before `end`, and asks for those kAhead further on. The products
/// below go through four rows side by side, which the hardware prefetchers follow at less than half the bandwidth of one row after
/// the other, and the next rows are further away than the core looks ahead. One call with 4 query rows for each of 8 key/value
/// heads, n_k = 32768, d = 128 took 21 to 25 ms with the first alone, 30 with the second alone, 15.5 with both, 16.2 with
/// kAhead = 8, 16.5 with 16. With one query row for each head, in the order of memory anyway, it took 12 without and 16 with them
/// (attnbench run, one thread of an AMD EPYC guest, medians of 6 rounds).
HWY_INLINE void bring_rows(const float* first, std::int64_t stride, std::int64_t begin, std::int64_t end, std::int64_t dim) {
  for (auto row = begin; row < std::min(begin + kKeys, end); ++row)
    for (std::int64_t c = 0; c < dim; c += kLine) static_cast<void>(*static_cast<const volatile float*>(first + row * stride + c));
  for (auto row = begin + kAhead; row < std::min(begin + kAhead + kKeys, end); ++row)
    for (std::int64_t c = 0; c < dim; c += kLine) hwy::Prefetch(first + row * stride + c);
}

/// s[i] = q . k[i] for one query row and 4 keys, in the order of memory; q as packed by RowShape.
HWY_INLINE void score_keys_in_order(const float* const* k, const RowShape& shape, const float* HWY_RESTRICT q,
                                    float* HWY_RESTRICT s) {
  const FloatTag d;
  FloatVec sum[kKeys];
#pragma GCC unroll 4
  for (int i = 0; i < kKeys; ++i) {
    sum[i] = hn::Zero(d);
    for (std::int64_t c = 0; c < shape.whole; c += kLanes) sum[i] = hn::MulAdd(hn::Load(d, q + c), hn::LoadU(d, k[i] + c), sum[i]);
    if (shape.has_last()) sum[i] = hn::MulAdd(hn::Load(d, q + shape.whole), shape.load_last(k[i]), sum[i]);
  }
  store_sums(sum, s);
}

/// s[r s_stride + i] = q[r] . k[i] for R query rows and 4 keys; q [R][q_stride] as packed by RowShape.
template <int R>
void score_keys(const float* const* k, const RowShape& shape, const float* HWY_RESTRICT q, std::int64_t q_stride,
                float* HWY_RESTRICT s, std::int64_t s_stride) {
  const FloatTag d;
  FloatVec sum[R][kKeys];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int i = 0; i < kKeys; ++i) sum[r][i] = hn::Zero(d);
  shape.for_vectors([&](std::int64_t c, auto load) HWY_ATTR {
    FloatVec key[kKeys];
#pragma GCC unroll 4
    for (int i = 0; i < kKeys; ++i) key[i] = load(k[i]);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const auto query = hn::Load(d, q + r * q_stride + c);
#pragma GCC unroll 4
      for (int i = 0; i < kKeys; ++i) sum[r][i] = hn::MulAdd(query, key[i], sum[r][i]);
    }
  });
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) store_sums(sum[r], s + r * s_stride);
}

/// o[r] += sum_i w[r w_stride + i] v[i] for R rows and K keys; o [R][o_stride] as packed by RowShape. kGuarded: a weight of 0
/// leaves the value out, because a hidden key's value may be NaN and 0 x NaN is NaN.
template <int K, int R, bool kGuarded>
void add_values(const float* const* v, const RowShape& shape, const float* HWY_RESTRICT w, std::int64_t w_stride,
                float* HWY_RESTRICT o, std::int64_t o_stride) {
  const FloatTag d;
  FloatVec weight[R][K];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int i = 0; i < K; ++i) weight[r][i] = hn::Set(d, w[r * w_stride + i]);
  shape.for_vectors([&](std::int64_t c, auto load) HWY_ATTR {
    FloatVec value[K];
#pragma GCC unroll 4
    for (int i = 0; i < K; ++i) value[i] = load(v[i]);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      float* to = o + r * o_stride + c;
      auto sum = hn::Load(d, to);
#pragma GCC unroll 4
      for (int i = 0; i < K; ++i) {
        const auto seen = kGuarded ? hn::IfThenElseZero(hn::Ne(weight[r][i], hn::Zero(d)), value[i]) : value[i];
        sum = hn::MulAdd(seen, weight[r][i], sum);
      }
      hn::Store(sum, d, to);
    }
  });
}

/// Calls f(first, std::integral_constant R) over `rows` rows in blocks of kRowBlock, then 2, then 1.
template <class F>
HWY_INLINE void for_row_blocks(std::int64_t rows, F f) {
  std::int64_t r = 0;
  for (; r + kRowBlock <= rows; r += kRowBlock) f(r, std::integral_constant<int, kRowBlock>());
  if (r + 2 <= rows) {
    f(r, std::integral_constant<int, 2>());
    r += 2;
  }
  if (r < rows) f(r, std::integral_constant<int, 1>());
}

/// One step of the online softmax for one row: s[0, count), count a multiple of kLanes, becomes weights; max and sum take them in.
/// Returns the factor that brings what was summed before to the new maximum. Scores of kHidden weigh exactly 0.
HWY_INLINE float softmax_step(float* HWY_RESTRICT s, std::int64_t count, float& max, float& sum) {
  const FloatTag d;
  auto top = hn::Set(d, max);
  for (std::int64_t t = 0; t < count; t += kLanes) top = hn::Max(top, hn::Load(d, s + t));
  top = hn::MaxOfLanes(d, top);
  const float factor = hn::GetLane(exp2_vector(hn::Sub(hn::Set(d, max), top)));
  auto total = hn::Zero(d);
  for (std::int64_t t = 0; t < count; t += kLanes) {
    const auto score = hn::Load(d, s + t);
    const auto weight = hn::IfThenZeroElse(hn::Eq(score, hn::Set(d, kHidden)), exp2_vector(hn::Sub(score, top)));
    total = hn::Add(total, weight);
    hn::Store(weight, d, s + t);
  }
  max = hn::GetLane(top);
  sum = sum * factor + hn::GetLane(hn::SumOfLanes(d, total));
  return factor;
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
