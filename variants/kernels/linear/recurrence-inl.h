// The recurrence of linear attention in registers, for the code of one Highway target. Vectors run along d_v; a chunk of T
// positions walks down one block of S's columns and carries each vector of S through all of them while it is in a register:
//
//   for c < d_qk:  s = S[c];  for t < T:  s += phi(k_t)[c] v_t,  sum[t] += phi(q_t)[c] s;   S[c] = s
//
// so S is loaded and stored once per 2 T multiply-adds, and keys and rows of a chunk need no square of weights. All positions of a
// call pass one block of columns, 2 vectors x d_qk, before the next: with the features ((heads + 2) x 16 x d_qk floats) it stays
// in L1 (AVX-512, d 64: 8 + 12 KB) whatever the size of S, which is stored block by block.
//
// Register budget, H heads at once: 2 (H + 1) T of sums and values, 2 of S, 1 broadcast. Of 32 (AVX-512, AArch64): H 1, 2 with
// T 4: 19, 27; H 4 with T 2: 23. Of 16 (AVX2, SSE4): H 1, 2 with T 2: 11, 15. One vector of columns instead of 2, with T 4,
// halves what a broadcast does: 8 % slower with 4 heads (AVX-512, d 64); 17 to 24 % from d 64 on with AVX2, where the longer
// chain of additions to s counts too.
#if defined(ATTNBENCH_RECURRENCE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_RECURRENCE_INL
#undef ATTNBENCH_RECURRENCE_INL
#else
#define ATTNBENCH_RECURRENCE_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "variants/kernels/linear/linear_features-inl.h"
#include "variants/kernels/linear/linear_recurrence.h"

#ifndef ATTNBENCH_LINEAR_SCAN
#define ATTNBENCH_LINEAR_SCAN
namespace attnbench::kernels {

constexpr std::int64_t kFeatures = 64;  // features of a row that lie together

// One call. Scratch is [d_qk / kFeatures][line][position][kFeatures]: lines are phi(k), phi(q) of each head, and z as each position
// sees it. So the rows of a chunk lie a constant apart and one pointer reaches them all. Then inverse [head][position].
struct Scan {
  const LinearState& state;
  const Positions& at;
  float* scratch;

  bool has_keys() const { return at.k.data != nullptr; }
  std::int64_t z_line() const { return 1 + at.heads; }
  float* feature(std::int64_t c, std::int64_t line, std::int64_t t) const {
    return scratch + ((c / kFeatures * (at.heads + 2) + line) * kMaxPositions + t) * kFeatures + c % kFeatures;
  }
  float* inverse(std::int64_t h) const {
    return scratch + scan_scratch_floats(state.d_qk, at.heads) - (at.heads - h) * kMaxPositions;
  }
};

}  // namespace attnbench::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

constexpr bool kManyRegisters = kBlocking.registers == 32;

// ---- The chunk -----------------------------------------------------------------------------------------------------------

// What becomes of a chunk's keys: there are none; they count on the way, for another pass over the same S follows; they join S.
enum class Keys { none, passing, joining };

template <int V>
struct Column {
  HWY_ATTR Column() {}  // written out: GCC gives an implicit one no target, and then cannot inline NEON's vectors into it
  FloatVec part[V];
};

template <int H, int T, int V>
HWY_INLINE void store_rows(const Scan& scan, std::int64_t t0, std::int64_t h0, std::int64_t column, const Column<V> (&sum)[H][T]) {
  const auto& out = scan.at.out;
#pragma GCC unroll 4
  for (int h = 0; h < H; ++h)
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      const auto factor = hn::Set(FloatTag(), scan.inverse(h0 + h)[t0 + t]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        const auto c = column + v * kLanes;
        store_within(hn::Mul(sum[h][t].part[v], factor), out.data + (h0 + h) * out.head_stride + (t0 + t) * out.stride + c,
                     scan.state.d_v - c);
      }
    }
}

// Carries one row of S, V vectors `block` apart, through T positions of H heads.
template <int H, int T, int V, Keys kKeys>
HWY_INLINE void carry(const float* k, const float* q, float* s, std::int64_t block, const Column<V> (&value)[T],
                      Column<V> (&sum)[H > 0 ? H : 1][T]) {
  const FloatTag d;
  Column<V> row;
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) row.part[v] = hn::LoadU(d, s + v * block);
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t) {
    if constexpr (kKeys != Keys::none) {
      const auto key = hn::Set(d, k[t * kFeatures]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) row.part[v] = hn::MulAdd(key, value[t].part[v], row.part[v]);
    }
#pragma GCC unroll 4
    for (int h = 0; h < H; ++h) {
      const auto query = hn::Set(d, q[(h * kMaxPositions + t) * kFeatures]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[h][t].part[v] = hn::MulAdd(query, row.part[v], sum[h][t].part[v]);
    }
  }
  if constexpr (kKeys == Keys::joining)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) hn::StoreU(row.part[v], d, s + v * block);
}

// T positions from t0 on, H heads from h0 on, V vectors of columns.
template <int H, int T, int V, Keys kKeys>
void chunk(const Scan& scan, std::int64_t t0, std::int64_t h0, std::int64_t column) {
  const auto& [state, at, scratch] = scan;
  Column<V> value[T], sum[H > 0 ? H : 1][T];
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const auto c = column + v * kLanes;
      if constexpr (kKeys != Keys::none) value[t].part[v] = load_within(at.v.data + (t0 + t) * at.v.stride + c, state.d_v - c);
#pragma GCC unroll 4
      for (int h = 0; h < H; ++h) sum[h][t].part[v] = hn::Zero(FloatTag());
    }
  const auto d_qk = state.d_qk, block = d_qk * kLanes;  // read here once: for all GCC knows, a vector store may change d_qk
  float* s = state.sums + column * d_qk;
  for (std::int64_t c0 = 0; c0 < d_qk; c0 += kFeatures) {
    const float *k = scan.feature(c0, 0, t0), *q = scan.feature(c0, 1 + h0, t0);
    const auto* const end = k + std::min(kFeatures, d_qk - c0);
    for (; k < end; ++k, ++q, s += kLanes) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
      asm volatile("" ::: "memory");  // keeps GCC 12 from vectorising this loop itself, as in linear_attention.cpp
#endif
      carry<H, T, V, kKeys>(k, q, s, block, value, sum);
    }
  }
  if constexpr (H > 0) store_rows<H, T, V>(scan, t0, h0, column, sum);
}

// ---- Chunks over heads, positions and columns ----------------------------------------------------------------------------

template <int H, int T, int V>
HWY_INLINE void some_heads(const Scan& scan, std::int64_t t0, std::int64_t column, std::int64_t& h) {
  if (!scan.has_keys()) chunk<H, T, V, Keys::none>(scan, t0, h, column);
  else if (h + H < scan.at.heads) chunk<H, T, V, Keys::passing>(scan, t0, h, column);
  else chunk<H, T, V, Keys::joining>(scan, t0, h, column);
  h += H;
}

template <int T, int V>
void all_heads(const Scan& scan, std::int64_t t0, std::int64_t column) {
  if (scan.at.heads == 0) return chunk<0, T, V, Keys::joining>(scan, t0, 0, column);
  std::int64_t h = 0;
  if constexpr (kManyRegisters && T <= 2)
    while (h + 4 <= scan.at.heads) some_heads<4, T, V>(scan, t0, column, h);
  while (h + 2 <= scan.at.heads) some_heads<2, T, V>(scan, t0, column, h);
  if (h < scan.at.heads) some_heads<1, T, V>(scan, t0, column, h);
}

template <int T, int V>
void all_positions(const Scan& scan, std::int64_t column) {
  std::int64_t t = 0;
  for (; t + T <= scan.at.count; t += T) all_heads<T, V>(scan, t, column);
  for (; t < scan.at.count; ++t) all_heads<1, V>(scan, t, column);
}

// Two vectors of columns share a broadcast.
template <int T>
void all_columns(const Scan& scan) {
  std::int64_t column = 0;
  for (; column + kLanes < scan.state.d_v; column += 2 * kLanes) all_positions<T, 2>(scan, column);
  if (column < scan.state.d_v) all_positions<T, 1>(scan, column);
}

// ---- Sums of features ----------------------------------------------------------------------------------------------------

// z grows along the positions; its line keeps what each of them sees. The positions' own sum is formed first and added once: a
// feature that is always small and the same would lose the same digits each time it is added to a large z.
inline void grow_z(const Scan& scan) {
  const FloatTag d;
  float* z = scan.state.sums + scan.state.d_qk * padded(scan.state.d_v);
  for (std::int64_t c0 = 0; c0 < scan.state.d_qk; c0 += kFeatures) {
    const float* keys = scan.feature(c0, 0, 0);
    float* seen = scan.feature(c0, scan.z_line(), 0);
    for (std::int64_t c = 0; c < std::min(kFeatures, scan.state.d_qk - c0); c += kLanes) {
      const auto before = hn::LoadU(d, z + c0 + c);
      auto sum = hn::Zero(d);
      for (std::int64_t t = 0; t < scan.at.count; ++t) {
        if (scan.has_keys()) sum = hn::Add(sum, hn::LoadU(d, keys + t * kFeatures + c));
        hn::StoreU(hn::Add(before, sum), d, seen + t * kFeatures + c);
      }
      hn::StoreU(hn::Add(before, sum), d, z + c0 + c);
    }
  }
}

// 1 / phi(q)^T z of every row, 0 for 1 / 0.
inline void invert_totals(const Scan& scan, std::int64_t h) {
  const FloatTag d;
  float* total = scan.inverse(h);
  std::fill_n(total, scan.at.count, 0.0f);
  for (std::int64_t c0 = 0; c0 < scan.state.d_qk; c0 += kFeatures) {
    const auto count = std::min(kFeatures, scan.state.d_qk - c0);
    for (std::int64_t t = 0; t < scan.at.count; ++t) {
      const float *q = scan.feature(c0, 1 + h, t), *z = scan.feature(c0, scan.z_line(), t);
      auto sum = hn::Zero(d);
      for (std::int64_t c = 0; c < count; c += kLanes) sum = hn::MulAdd(hn::LoadU(d, q + c), hn::LoadU(d, z + c), sum);
      total[t] += hn::GetLane(hn::SumOfLanes(d, sum));
    }
  }
  for (std::int64_t t = 0; t < scan.at.count; ++t) total[t] = total[t] == 0 ? 0 : 1 / total[t];
}

// All rows of a call whose features, z lines and inverses are there; its keys join S.
inline void all_rows(const Scan& scan) {
  if (kManyRegisters && scan.at.heads < 4)  // the register budget
    all_columns<4>(scan);
  else all_columns<2>(scan);
}

// Some of the positions.
inline Positions part_of(Positions at, std::int64_t begin, std::int64_t count) {
  at.count = count;
  if (at.k.data) {
    at.k.data += begin * at.k.stride;
    at.v.data += begin * at.v.stride;
  }
  if (at.heads > 0) {
    at.q.data += begin * at.q.stride;
    at.out.data += begin * at.out.stride;
  }
  return at;
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
