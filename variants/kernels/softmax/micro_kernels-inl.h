// The two register-tiled products of the tile engine and the online softmax between them, for the code of one Highway target.
//
// Queries sit in vector lanes, so scores are kept transposed, S^T [key][query], and a weight multiplies a value that is broadcast
// from memory: keys and values are read in their natural layout, row maxima and sums need no horizontal step.
//
// Register budget, kRows x kVectors accumulators + kVectors queries + 1 broadcast:
//   32 registers (AVX-512, AArch64)   8 x 3: 24 + 3 + 1 = 28
//   16 registers (AVX2, SSE4)         6 x 2: 12 + 2 + 1 = 15 (SSE4 has no fused multiply-add and uses the last one for the product)
// Each step of the inner loop does kRows x kVectors multiply-adds for kRows + kVectors loads (24 for 11, 12 for 8), so that the
// two load ports keep up with two multiply-add ports, and its 12 or more independent sums cover their latency of 4 cycles.
#if defined(ATTNBENCH_MICRO_KERNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_MICRO_KERNELS_INL
#undef ATTNBENCH_MICRO_KERNELS_INL
#else
#define ATTNBENCH_MICRO_KERNELS_INL
#endif

#include <hwy/highway.h>

#include <span>

#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

constexpr int kVectors = kBlocking.softmax.vectors;
constexpr int kRows = kBlocking.softmax.rows;

/// Score of a key that a query may not see. Finite, because -inf - -inf would be NaN.
constexpr float kMasked = -3.4028234663852886e38f;

/// s[r][lane] = sum_c k_rows[r][c] q[c][lane] for kRows keys and the lanes of V vectors; q [dim][stride], s [kRows][stride].
/// A function of its own: its kRows row pointers leave no general register to a caller's loop.
template <int V>
HWY_NOINLINE void score_rows(const float* const* k_rows, const float* HWY_RESTRICT q, std::int64_t stride, std::int64_t dim,
                             float* HWY_RESTRICT s) {
  const FloatTag d;
  FloatVec sum[kRows][V];
  const float* k[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    k[r] = k_rows[r];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = hn::Zero(d);
  }
  for (std::int64_t c = 0; c < dim; ++c, q += stride) {
    FloatVec query[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) query[v] = hn::Load(d, q + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const auto key = hn::Set(d, k[r][c]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(key, query[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) hn::Store(sum[r][v], d, s + r * stride + v * kLanes);
  }
}

/// Keys [begin, end) of a tile and the vectors [first, first + count) of a panel that see some of them.
struct RegisterTile {
  std::int64_t begin, end;
  int first, count;
};

/// sum[r][v] += v_rows[t][column + r] p[t][v] over the tile's keys and the vectors [First, First + Count), which are the tile's;
/// p [keys][V kLanes]. kGuarded: a weight of 0 leaves the value out, because a masked key's value may be NaN and 0 x NaN is NaN.
template <int First, int Count, bool kGuarded, int R, int V>
HWY_INLINE void add_tile(const float* const* v_rows, std::int64_t column, const RegisterTile& tile, const float* HWY_RESTRICT p,
                         FloatVec (&sum)[R][V]) {
  const FloatTag d;
  p += (tile.begin * V + First) * kLanes;
  for (auto t = tile.begin; t < tile.end; ++t, p += V * kLanes) {
    const float* values = v_rows[t] + column;
    FloatVec weight[Count];
#pragma GCC unroll 4
    for (int v = 0; v < Count; ++v) weight[v] = hn::Load(d, p + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto value = hn::Set(d, values[r]);
#pragma GCC unroll 4
      for (int v = 0; v < Count; ++v) {
        const auto seen = kGuarded ? hn::IfThenElseZero(hn::Ne(weight[v], hn::Zero(d)), value) : value;
        sum[r][First + v] = hn::MulAdd(seen, weight[v], sum[r][First + v]);
      }
    }
  }
}

/// The same for the vectors that the tile names.
template <bool kGuarded, int R, int V>
HWY_INLINE void add_named_tile(const float* const* v_rows, std::int64_t column, const RegisterTile& tile, const float* p,
                               FloatVec (&sum)[R][V]) {
  if (tile.count == V) return add_tile<0, V, kGuarded>(v_rows, column, tile, p, sum);
  if constexpr (V >= 2) {
    if (tile.first == 0 && tile.count == 1) return add_tile<0, 1, kGuarded>(v_rows, column, tile, p, sum);
    if (tile.first == 1 && tile.count == 1) return add_tile<1, 1, kGuarded>(v_rows, column, tile, p, sum);
  }
  if constexpr (V >= 3) {
    if (tile.first == 0) return add_tile<0, 2, kGuarded>(v_rows, column, tile, p, sum);
    if (tile.count == 2) return add_tile<1, 2, kGuarded>(v_rows, column, tile, p, sum);
    add_tile<2, 1, kGuarded>(v_rows, column, tile, p, sum);
  }
}

/// o[r][lane] = correction[lane] o[r][lane] + sum_t v_rows[t][column + r] p[t][lane] for R value columns; p [keys][V kLanes],
/// o [R][V kLanes]. The tile's own sum is formed first and added once: that keeps rounding errors from growing with the number of
/// keys, and a lane's result from depending on how its tile was cut into tiles.
template <int R, int V, bool kGuarded>
HWY_INLINE void value_columns(const float* const* v_rows, std::int64_t column, std::span<const RegisterTile> tiles,
                              const float* HWY_RESTRICT p, const float* HWY_RESTRICT correction, float* HWY_RESTRICT o) {
  const FloatTag d;
  FloatVec sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = hn::Zero(d);
  }
  for (const auto& tile : tiles) add_named_tile<kGuarded>(v_rows, column, tile, p, sum);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* to = o + (r * V + v) * kLanes;
      hn::Store(hn::MulAdd(hn::Load(d, to), hn::Load(d, correction + v * kLanes), sum[r][v]), d, to);
    }
  }
}

/// All `dim` value columns: kRows at a time, then 4, 2, 1.
template <int V, bool kGuarded>
void weighted_values(const float* const* v_rows, std::int64_t dim, std::span<const RegisterTile> tiles, const float* p,
                     const float* correction, float* o) {
  constexpr int kStride = V * kLanes;
  std::int64_t c = 0;
  for (; c + kRows <= dim; c += kRows) value_columns<kRows, V, kGuarded>(v_rows, c, tiles, p, correction, o + c * kStride);
  for (; c + 4 <= dim; c += 4) value_columns<4, V, kGuarded>(v_rows, c, tiles, p, correction, o + c * kStride);
  if (c + 2 <= dim) {
    value_columns<2, V, kGuarded>(v_rows, c, tiles, p, correction, o + c * kStride);
    c += 2;
  }
  if (c < dim) value_columns<1, V, kGuarded>(v_rows, c, tiles, p, correction, o + c * kStride);
}

/// One step of the online softmax (Milakov and Gimelshein 2018, algorithm 3) on `count` keys. s [count][V kLanes] holds scores and
/// becomes weights 2^(factor (s - max)), factor as score_units.h has it; max, sum and correction are per lane. kGuarded: scores of
/// kMasked weigh 0.
template <int V, bool kGuarded>
void online_softmax(float* HWY_RESTRICT s, std::int64_t count, float factor, float* HWY_RESTRICT max, float* HWY_RESTRICT sum,
                    float* HWY_RESTRICT correction) {
  const FloatTag d;
  const auto to_log2 = hn::Set(d, factor);
  FloatVec top[V], total[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) top[v] = hn::Load(d, max + v * kLanes);
  for (std::int64_t t = 0; t < count; ++t)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) top[v] = hn::Max(top[v], hn::Load(d, s + (t * V + v) * kLanes));
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const auto rescale = exp2_scaled(hn::Sub(hn::Load(d, max + v * kLanes), top[v]), to_log2);
    hn::Store(rescale, d, correction + v * kLanes);
    hn::Store(top[v], d, max + v * kLanes);
    total[v] = hn::Zero(d);
  }
  for (std::int64_t t = 0; t < count; ++t)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* at = s + (t * V + v) * kLanes;
      const auto score = hn::Load(d, at);
      auto weight = exp2_scaled(hn::Sub(score, top[v]), to_log2);
      if constexpr (kGuarded) weight = hn::IfThenZeroElse(hn::Eq(score, hn::Set(d, kMasked)), weight);
      total[v] = hn::Add(total[v], weight);
      hn::Store(weight, d, at);
    }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const auto rescaled = hn::Mul(hn::Load(d, sum + v * kLanes), hn::Load(d, correction + v * kLanes));
    hn::Store(hn::Add(rescaled, total[v]), d, sum + v * kLanes);
  }
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
