// Four rows at once share the loads of the filter: 5 loads for 4 multiply-adds, where a row alone takes 2 for one. A sum starts at
// its first tap, whatever stands beside it, so that rows do not depend on how they are grouped.
#include "variants/kernels/dense/convolution.h"

#include <algorithm>

#include "variants/api/integers.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/dense/convolution.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

// Taps of row t that meet a row of x.
KeyRange taps_inside(const DepthwiseRows& task, std::int64_t t) {
  const auto& taps = task.taps;
  const auto newest = t + taps.first;  // the row that tap 0 reads
  const auto begin = newest < task.x_rows ? 0 : ceil_div(newest - task.x_rows + 1, taps.dilation);
  const auto end = newest < 0 ? 0 : newest / taps.dilation + 1;
  return {begin, std::min(taps.count, end)};
}

// R rows from t on, all of which use the taps in `taps`.
template <int R>
HWY_INLINE void filter_rows(const DepthwiseRows& task, std::int64_t t, KeyRange taps) {
  const FloatTag d;
  const float* x = task.x + (t + task.taps.first) * task.x_stride;
  float* y = task.y + (t - task.rows.begin) * task.y_stride;
  std::int64_t c = 0;
  for (; c + kLanes <= task.channels; c += kLanes) {
    FloatVec sum[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[r] = hn::Zero(d);
    for (auto u = taps.begin; u < taps.end; ++u) {
      const auto w = hn::LoadU(d, task.w + u * task.w_stride + c);
      const float* from = x - u * task.taps.dilation * task.x_stride + c;
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) sum[r] = hn::MulAdd(w, hn::LoadU(d, from + r * task.x_stride), sum[r]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) hn::StoreU(sum[r], d, y + r * task.y_stride + c);
  }
  for (; c < task.channels; ++c)
    for (int r = 0; r < R; ++r) {
      float sum = 0;
      for (auto u = taps.begin; u < taps.end; ++u)
        sum += task.w[u * task.w_stride + c] * x[(r - u * task.taps.dilation) * task.x_stride + c];
      y[r * task.y_stride + c] = sum;
    }
}

void convolve(const DepthwiseRows& task) {
  for (auto t = task.rows.begin; t < task.rows.end;) {
    const auto taps = taps_inside(task, t);
    if (t + 4 <= task.rows.end && taps == KeyRange{0, task.taps.count} && taps_inside(task, t + 3) == taps) {
      filter_rows<4>(task, t, taps);
      t += 4;
    } else {
      filter_rows<1>(task, t, taps);
      ++t;
    }
  }
}

void glu_row(const float* a, const float* b, float* y, std::int64_t count) {
  const FloatTag d;
  const auto one = hn::Set(d, 1.0f), top = hn::Set(d, 88.0f);
  std::int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) {
    const auto e = exp_vector(hn::Min(hn::Neg(hn::LoadU(d, b + c)), top));
    hn::StoreU(hn::Div(hn::LoadU(d, a + c), hn::Add(one, e)), d, y + c);
  }
  if (c == count) return;
  HWY_ALIGN float last_a[kLanes] = {}, last_b[kLanes] = {};
  std::copy(a + c, a + count, last_a);
  std::copy(b + c, b + count, last_b);
  const auto e = exp_vector(hn::Min(hn::Neg(hn::Load(d, last_b)), top));
  hn::Store(hn::Div(hn::Load(d, last_a), hn::Add(one, e)), d, last_a);
  std::copy_n(last_a, count - c, y + c);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(convolve);
HWY_EXPORT(glu_row);

}  // namespace

void depthwise_convolution(const DepthwiseRows& task) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(convolve)(task);
}

void gated_linear_unit(const float* a, const float* b, float* y, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(glu_row)(a, b, y, count);
}

}  // namespace attnbench::kernels
#endif
