#include "variants/kernels/selection/gathered_row.h"

#include <algorithm>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/selection/gathered_row.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/softmax/decode_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kAhead = 4;  // keys whose rows are asked for before they are needed

HWY_INLINE void prefetch_row(const GatheredRows& rows, const std::int32_t* keys, std::int64_t t, std::int64_t count) {
  if (t >= count) return;
  const float* row = rows.first + keys[t] * rows.stride;
  for (std::int64_t c = 0; c < rows.dim; c += 16) __builtin_prefetch(row + c);
}

// out[column, column + C vectors) = sum_t w[t] rows[keys[t]], two keys at a time so that C sums hide the latency of an addition.
// load(row, c) is vector c of those of a row.
template <int C, class Load, class Store>
HWY_INLINE void gather_columns(const float* w, const GatheredRows& rows, const std::int32_t* keys, std::int64_t count, Load load,
                               Store store) {
  const FloatTag d;
  FloatVec even[C], odd[C];
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) even[c] = odd[c] = hn::Zero(d);
  std::int64_t t = 0;
  for (; t + 2 <= count; t += 2) {
    const float *a = rows.first + keys[t] * rows.stride, *b = rows.first + keys[t + 1] * rows.stride;
    prefetch_row(rows, keys, t + kAhead, count);
    prefetch_row(rows, keys, t + kAhead + 1, count);
    const auto wa = hn::Set(d, w[t]), wb = hn::Set(d, w[t + 1]);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      even[c] = hn::MulAdd(wa, load(a, c), even[c]);
      odd[c] = hn::MulAdd(wb, load(b, c), odd[c]);
    }
  }
  if (t < count) {
    const float* a = rows.first + keys[t] * rows.stride;
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) even[c] = hn::MulAdd(hn::Set(d, w[t]), load(a, c), even[c]);
  }
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) store(hn::Add(even[c], odd[c]), c);
}

}  // namespace

void score_row(const float* q, const GatheredRows& rows, const std::int32_t* keys, std::int64_t count, float* scores) {
  const FloatTag d;
  const FlushDenormals flush;
  const RowShape shape(rows.dim);
  for (std::int64_t t = 0; t < count; t += kKeys) {
    FloatVec sum[kKeys];
    const float* row[kKeys];
#pragma GCC unroll 4
    for (int i = 0; i < kKeys; ++i) {
      row[i] = rows.first + keys[std::min(t + i, count - 1)] * rows.stride;
      sum[i] = hn::Zero(d);
      prefetch_row(rows, keys, t + kKeys + i, count);
    }
    shape.for_vectors([&](std::int64_t c, auto load) HWY_ATTR {
      const auto query = c < shape.whole ? hn::LoadU(d, q + c) : shape.load_last(q);
#pragma GCC unroll 4
      for (int i = 0; i < kKeys; ++i) sum[i] = hn::MulAdd(query, load(row[i]), sum[i]);
    });
    store_sums(sum, scores + t);
  }
}

void attend_row(float* scores, float to_log2, const GatheredRows& rows, const std::int32_t* keys, std::int64_t count, float* out) {
  const FloatTag d;
  const FlushDenormals flush;
  if (count == 0) return void(std::fill_n(out, rows.dim, 0.0f));
  const auto whole = (count + kLanes - 1) / kLanes * kLanes;
  std::fill(scores + count, scores + whole, kMasked);
  float max = kMasked, sum = 0;
  softmax_step(scores, whole, to_log2, max, sum);
  const float factor = 1.0f / sum;
  const RowShape shape(rows.dim);
  std::int64_t column = 0;
  const auto scaled = hn::Set(d, factor);
  const auto whole_columns = [&](auto vectors) HWY_ATTR {
    constexpr int C = decltype(vectors)::value;
    for (; column + C * kLanes <= shape.whole; column += C * kLanes)
      gather_columns<C>(
          scores, rows, keys, count,
          [&](const float* row, int c) HWY_ATTR { return hn::LoadU(FloatTag(), row + column + c * kLanes); },
          [&](FloatVec v, int c) HWY_ATTR { hn::StoreU(hn::Mul(v, scaled), FloatTag(), out + column + c * kLanes); });
  };
  whole_columns(std::integral_constant<int, 4>());
  whole_columns(std::integral_constant<int, 1>());
  if (!shape.has_last()) return;
  HWY_ALIGN float last[kLanes];
  gather_columns<1>(
      scores, rows, keys, count, [&](const float* row, int) HWY_ATTR { return shape.load_last(row); },
      [&](FloatVec v, int) HWY_ATTR { hn::Store(hn::Mul(v, scaled), FloatTag(), last); });
  for (auto c = shape.whole; c < shape.dim; ++c) out[c] = last[kLanes - (shape.dim - c)];
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(score_row);
HWY_EXPORT(attend_row);

}  // namespace

void score_gathered(const float* q, const GatheredRows& rows, const std::int32_t* keys, std::int64_t count, float* scores) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(score_row)(q, rows, keys, count, scores);
}

void attend_gathered(float* scores, float to_log2, const GatheredRows& rows, const std::int32_t* keys, std::int64_t count,
                     float* out) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(attend_row)(scores, to_log2, rows, keys, count, out);
}

}  // namespace attnbench::kernels
#endif
