// The two products of decoding, for the code of one Highway target: few query rows against keys and values that stream by.
//
// Vector lanes run along the head dimension, because the query rows are too few to fill them. Keys and values come from memory once
// and in its order, row after row to its end, and all query rows meet them while they are in L1, a block of rows at a time.
// Registers:
//   32 (AVX-512, AArch64)   scores 4 rows x 4 keys + 4 keys + 1 query = 21;  values 2 rows x 8 vectors + 2 weights + 1 value = 19
//   16 (AVX2, SSE4)         scores 2 rows x 4 keys + 4 keys + 1 query = 13;  values 2 rows x 4 vectors + 2 weights + 1 value = 11
//
// What order and blocks are worth (268 MB of K and V, d = 128, one thread of an AMD EPYC guest, beside a loop that only reads, in
// the same process, medians): one query row for each of 8 heads 0.82 of that loop's rate with tiles of 256 keys for K and V, 0.95
// with tiles of 4096; 4 query rows 0.64 with four rows of values side by side and prefetches, 0.78 with the blocks below. A
// prefetch of any distance, into L1 or L2, makes the blocks below slower.
#if defined(ATTNBENCH_DECODE_KERNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_DECODE_KERNELS_INL
#undef ATTNBENCH_DECODE_KERNELS_INL
#else
#define ATTNBENCH_DECODE_KERNELS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "variants/kernels/softmax/micro_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

constexpr int kKeys = 4;                            // whose scores are summed side by side
constexpr int kRowBlock = kBlocking.decode_rows;    // query rows of a block of scores
constexpr int kValueRows = 2;                       // query rows of a block of weighted values
constexpr int kColumns = kBlocking.decode_vectors;  // and its vectors along the head dimension

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

/// Reads rows of memory to their ends, one after the other, so that what follows finds them in L1 in whatever order it takes them.
/// Dense rows are read as one: with a loop's end at each of them, reading fell behind (0.67 instead of 0.78 of the rate above).
HWY_INLINE void touch_rows(const float* first, std::int64_t stride, std::int64_t count, std::int64_t dim) {
  constexpr std::int64_t kLine = 16;  // floats
  if (stride == dim) {
    dim *= count;
    count = 1;
  }
  for (std::int64_t row = 0; row < count; ++row)
    for (std::int64_t c = 0; c < dim; c += kLine) static_cast<void>(*static_cast<const volatile float*>(first + row * stride + c));
}

/// s[i] = q . k[i] for one query row and 4 keys, one after the other; q as packed by RowShape.
HWY_INLINE void score_arriving_keys(const float* const* k, const RowShape& shape, const float* HWY_RESTRICT q,
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

/// s[r s_stride + i] = q[r] . k[i] for R query rows and 4 keys that are in L1: side by side, so that a query is loaded once for all
/// four; q [R][q_stride] as packed by RowShape.
template <int R>
HWY_NOINLINE void score_keys(const float* const* k, const RowShape& shape, const float* HWY_RESTRICT q, std::int64_t q_stride,
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

/// Values of `count` keys, their weights w [R][w_stride] and the rows o [R][o_stride] that they are added to.
struct ValueRows {
  const float* v;
  std::int64_t v_stride;
  std::int64_t count;
  const float* w;
  std::int64_t w_stride;
  float* o;
  std::int64_t o_stride;
};

/// o[r][0, C vectors) += sum_i w[r][i] v[i] for R rows; load(row, c) is the vector c of those of a row of v. kGuarded: a weight of
/// 0 leaves the value out, because a masked key's value may be NaN and 0 x NaN is NaN.
template <int R, int C, bool kGuarded, class Load>
HWY_INLINE void add_columns(const ValueRows& rows, std::int64_t column, Load load) {
  const FloatTag d;
  FloatVec sum[R][C];
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[r][c] = hn::Load(d, rows.o + r * rows.o_stride + column + c * kLanes);
  for (std::int64_t i = 0; i < rows.count; ++i) {
    FloatVec weight[R];
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) weight[r] = hn::Set(d, rows.w[r * rows.w_stride + i]);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const auto value = load(rows.v + i * rows.v_stride, c);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        const auto seen = kGuarded ? hn::IfThenElseZero(hn::Ne(weight[r], hn::Zero(d)), value) : value;
        sum[r][c] = hn::MulAdd(seen, weight[r], sum[r][c]);
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) hn::Store(sum[r][c], d, rows.o + r * rows.o_stride + column + c * kLanes);
}

/// o[r] += sum_i w[r][i] v[i] for R rows of the shape; o as packed by RowShape.
template <int R, bool kGuarded>
void add_values(const ValueRows& rows, const RowShape& shape) {
  std::int64_t column = 0;
  const auto add_blocks = [&](auto vectors) HWY_ATTR {
    constexpr int C = decltype(vectors)::value;
    for (; column + C * kLanes <= shape.whole; column += C * kLanes)
      add_columns<R, C, kGuarded>(
          rows, column, [column](const float* row, int c) HWY_ATTR { return hn::LoadU(FloatTag(), row + column + c * kLanes); });
  };
  add_blocks(std::integral_constant<int, kColumns>());
  add_blocks(std::integral_constant<int, kColumns / 2>());
  add_blocks(std::integral_constant<int, 1>());
  if (shape.has_last())
    add_columns<R, 1, kGuarded>(rows, shape.whole, [&](const float* row, int) HWY_ATTR { return shape.load_last(row); });
}

/// Calls f(first, std::integral_constant R) over `rows` rows in blocks of kBlock, then 2, then 1.
template <int kBlock, class F>
HWY_INLINE void for_row_blocks(std::int64_t rows, F f) {
  std::int64_t r = 0;
  for (; r + kBlock <= rows; r += kBlock) f(r, std::integral_constant<int, kBlock>());
  if (r + 2 <= rows) {
    f(r, std::integral_constant<int, 2>());
    r += 2;
  }
  if (r < rows) f(r, std::integral_constant<int, 1>());
}

/// One step of the online softmax for one row: s[0, count), count a multiple of kLanes, becomes weights; max and sum take them in.
/// Weights are 2^(to_log2 (s - max)). Returns the factor that brings what was summed before to the new maximum. Scores of kMasked
/// weigh exactly 0.
HWY_INLINE float softmax_step(float* HWY_RESTRICT s, std::int64_t count, float to_log2, float& max, float& sum) {
  const FloatTag d;
  const auto unit = hn::Set(d, to_log2);
  auto top = hn::Set(d, max);
  for (std::int64_t t = 0; t < count; t += kLanes) top = hn::Max(top, hn::Load(d, s + t));
  top = hn::Set(d, max_of_lanes(top));
  const float factor = hn::GetLane(exp2_scaled(hn::Sub(hn::Set(d, max), top), unit));
  auto total = hn::Zero(d);
  for (std::int64_t t = 0; t < count; t += kLanes) {
    const auto score = hn::Load(d, s + t);
    const auto weight = hn::IfThenZeroElse(hn::Eq(score, hn::Set(d, kMasked)), exp2_scaled(hn::Sub(score, top), unit));
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
