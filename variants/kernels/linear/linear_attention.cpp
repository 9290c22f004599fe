// Linear attention on panels, compiled once per instruction set. Features lie as their rows do; both products are one register
// tile, which reads them by broadcast, down a column or along a row,
//
//   sum[r][v] += a[r][t] b[t][v]        a broadcast from memory, b and the sums in vectors along d_v.
//
// Register budget, kTileRows x kTileVectors sums + kTileVectors of b + 1 broadcast: 6 x 4 is 24 + 4 + 1 = 29 of 32 (AVX-512,
// AArch64), 6 x 2 is 12 + 2 + 1 = 15 of 16 (AVX2, SSE4). A step of 24 multiply-adds makes 10 loads, one of 12 makes 8: two load
// ports keep up with two multiply-add ports, and 12 independent sums cover their latency of 4 cycles.
#include "variants/kernels/linear/linear_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/linear/linear_attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/linear/linear_features-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

constexpr int kTileVectors = kBlocking.linear.vectors;
constexpr int kTileRows = kBlocking.linear.rows;

// ---- The register tile ---------------------------------------------------------------------------------------------------

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

// ---- The products --------------------------------------------------------------------------------------------------------

// Keys ready for the product.
struct KeyPanel {
  std::int64_t count;
  const float* features;  // [count][d_qk, padded]: phi(K)
  const float* values;    // rows that may be read to the end of their last vector
  std::int64_t value_stride;
};

// S += phi(K)^T V. The panel's own sum is formed first and added once: rounding errors grow with panels, not with keys.
struct StateProduct {
  const KeyPanel& keys;
  std::int64_t width;  // of a row of features
  float* s;
  std::int64_t s_stride;

  template <int R, int V>
  void tile(std::int64_t row, std::int64_t column) const {
    const FloatTag d;
    FloatVec sum[R][V];
    clear(sum);
    multiply_add({keys.features + row, 1, width}, keys.values + column, keys.value_stride, keys.count, sum);
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

// ---- Features and their sums ---------------------------------------------------------------------------------------------

// phi [count][dim, padded] of `count` rows of queries, each under its own shift.
void load_queries(Rows<const float> x, std::int64_t count, std::int64_t dim, float* phi) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float* row = x.data + i * x.stride;
    feature_row(row, dim, row_shift(row, dim), phi + i * padded(dim));
  }
}

// The same of keys, under the state's shift, which they may raise.
void load_keys(const LinearState& state, Rows<const float> x, std::int64_t count, float* phi) {
  float shift = -std::numeric_limits<float>::max();
  for (std::int64_t i = 0; i < count && shift < 0; ++i) shift = std::max(shift, row_shift(x.data + i * x.stride, state.d_qk));
  make_fit(state, shift);
  for (std::int64_t i = 0; i < count; ++i)
    feature_row(x.data + i * x.stride, state.d_qk, state.shift(), phi + i * padded(state.d_qk));
}

// The rows themselves where their last vector ends with them, else a copy with room behind each.
Rows<const float> padded_rows(Rows<const float> x, std::int64_t count, std::int64_t dim, float* copy) {
  if (dim % kLanes == 0) return x;
  const auto stride = padded(dim);
  for (std::int64_t j = 0; j < count; ++j) {
    std::copy_n(x.data + j * x.stride, dim, copy + j * stride);
    std::fill_n(copy + j * stride + dim, stride - dim, 0.0f);
  }
  return {copy, stride};
}

// z += sum of the panel's features, formed first as for S
void add_feature_sums(const KeyPanel& keys, std::int64_t d_qk, float* z) {
  const FloatTag d;
  for (std::int64_t c = 0; c < d_qk; c += kLanes) {
    auto sum = hn::Zero(d);
    for (std::int64_t j = 0; j < keys.count; ++j) sum = hn::Add(sum, hn::LoadU(d, keys.features + j * padded(d_qk) + c));
    hn::StoreU(hn::Add(hn::LoadU(d, z + c), sum), d, z + c);
  }
}

// inverse[i] = 1 / phi(q_i)^T z, 0 for 1 / 0.
void invert_totals(const float* queries, const float* z, std::int64_t d_qk, std::int64_t count, float* inverse) {
  const FloatTag d;
  for (std::int64_t i = 0; i < count; ++i) {
    auto sum = hn::Zero(d);
    for (std::int64_t c = 0; c < d_qk; c += kLanes)
      sum = hn::MulAdd(hn::LoadU(d, queries + i * padded(d_qk) + c), hn::LoadU(d, z + c), sum);
    const float total = hn::GetLane(hn::SumOfLanes(d, sum));
    inverse[i] = total == 0 ? 0 : 1 / total;
  }
}

}  // namespace

void add_panel(const LinearState& state, Rows<const float> k, Rows<const float> v, std::int64_t count, float* scratch) {
  const FlushDenormals flush;
  const auto width = padded(state.d_qk);
  load_keys(state, k, count, scratch);
  const auto values = padded_rows(v, count, state.d_v, scratch + count * width);
  const KeyPanel keys{count, scratch, values.data, values.stride};
  const auto stride = padded(state.d_v);
  all_tiles(StateProduct{keys, width, state.sums, stride}, state.d_qk, state.d_v);
  add_feature_sums(keys, state.d_qk, state.sums + state.d_qk * stride);
}

void attend_panel(const LinearState& state, Rows<const float> q, Rows<float> out, std::int64_t count, float* scratch) {
  const FlushDenormals flush;
  const auto width = padded(state.d_qk);
  float* inverse = scratch + count * width;
  load_queries(q, count, state.d_qk, scratch);
  invert_totals(scratch, state.sums + state.d_qk * padded(state.d_v), state.d_qk, count, inverse);
  all_tiles(OutputProduct{state, scratch, inverse, width, out}, count, state.d_v);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(add_panel);
HWY_EXPORT(attend_panel);

}  // namespace

std::int64_t linear_state_floats(std::int64_t d_qk, std::int64_t d_v) {
  return LinearState{d_qk, d_v, nullptr}.sum_floats() + padded(1);
}

void add_state(const LinearState& from, const LinearState& to) {
  if (from.lift() == 0) return;
  if (to.lift() == 0) return void(std::copy_n(from.sums, from.sum_floats() + 1, to.sums));
  const float shift = std::max(from.shift(), to.shift());
  const float of_from = std::exp(from.shift() - shift), of_to = std::exp(to.shift() - shift);
  for (std::int64_t i = 0; i < to.sum_floats(); ++i) to.sums[i] = of_to * to.sums[i] + of_from * from.sums[i];
  to.lift() = 1 - shift;
}

std::int64_t key_scratch_floats(std::int64_t d_qk, std::int64_t d_v, std::int64_t count) {
  return count * (padded(d_qk) + padded(d_v));
}

std::int64_t row_scratch_floats(std::int64_t d_qk, std::int64_t count) { return count * (padded(d_qk) + 1); }

void add_keys(const LinearState& state, Rows<const float> k, Rows<const float> v, std::int64_t count, float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(add_panel)(state, k, v, count, scratch);
}

void attend(const LinearState& state, Rows<const float> q, Rows<float> out, std::int64_t count, float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(attend_panel)(state, q, out, count, scratch);
}

}  // namespace attnbench::kernels
#endif
