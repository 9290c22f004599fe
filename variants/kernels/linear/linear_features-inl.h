// What both kernels of linear attention need: the feature map, and vectors at the end of a row.
#if defined(ATTNBENCH_LINEAR_FEATURES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_LINEAR_FEATURES_INL
#undef ATTNBENCH_LINEAR_FEATURES_INL
#else
#define ATTNBENCH_LINEAR_FEATURES_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "variants/kernels/linear/linear_attention.h"
#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kFarBelow = 20;  // e^-20 of a key and of a query leave room for 47 more before float32 underflows

/// e^-shift phi(x) with phi(x) = x + 1 above 0, e^x below; a shift other than 0 only where no x is above 0.
HWY_INLINE FloatVec feature_map(FloatVec x, FloatVec shift) {
  const FloatTag d;
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Add(x, hn::Set(d, 1.0f)), exp_vector(hn::Sub(x, shift)));
}

/// The largest element of a row whose elements all lie far below 0, else 0. Most rows end it at their first vector.
HWY_INLINE float row_shift(const float* x, std::int64_t count) {
  const FloatTag d;
  float top = -std::numeric_limits<float>::max();
  if (count < kLanes) {
    for (std::int64_t c = 0; c < count; ++c) {
      if (!(x[c] < -kFarBelow)) return 0;
      top = std::max(top, x[c]);
    }
    return top;
  }
  auto tops = hn::Set(d, top);
  for (std::int64_t c = 0; c < count; c += kLanes) {
    const auto part = hn::LoadU(d, x + std::min(c, count - kLanes));
    if (!hn::AllTrue(d, hn::Lt(part, hn::Set(d, -kFarBelow)))) return 0;
    tops = hn::Max(tops, part);
  }
  return max_of_lanes(tops);
}

/// Whether keys with this row_shift() can join the state as it is.
HWY_INLINE bool fits(const LinearState& state, float shift) { return state.lift() != 0 && shift <= state.shift() + kFarBelow; }

/// Gives the state a shift under which keys with this row_shift() can join it.
HWY_INLINE void make_fit(const LinearState& state, float shift) {
  if (fits(state, shift)) return;
  const bool empty = state.lift() == 0;
  const float before = state.shift();
  state.lift() = 1 - shift;
  if (empty) return;
  const float factor = std::exp(before - state.shift());
  for (std::int64_t i = 0; i < state.sum_floats(); ++i) state.sums[i] *= factor;
}

/// The vector at `from` in a row that has `left` elements more; 0 beyond them.
HWY_INLINE FloatVec load_within(const float* from, std::int64_t left) {
  const FloatTag d;
  if (left >= kLanes) return hn::LoadU(d, from);
  HWY_ALIGN float lanes[kLanes] = {};
  for (std::int64_t l = 0; l < left; ++l) lanes[l] = from[l];
  return hn::Load(d, lanes);
}

/// The vector's lanes up to the end of a row that has `left` elements more.
HWY_INLINE void store_within(FloatVec x, float* to, std::int64_t left) {
  if (left >= kLanes) return hn::StoreU(x, FloatTag(), to);
  HWY_ALIGN float lanes[kLanes];
  hn::Store(x, FloatTag(), lanes);
  for (std::int64_t l = 0; l < left; ++l) to[l] = lanes[l];
}

/// e^-shift phi of the `count` elements of a row, 0 up to the end of their last vector.
HWY_INLINE void feature_row(const float* x, std::int64_t count, float row_shift, float* phi) {
  const FloatTag d;
  const auto shift = hn::Set(d, row_shift);
  std::int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) hn::StoreU(feature_map(hn::LoadU(d, x + c), shift), d, phi + c);
  if (c == count) return;
  const auto last = feature_map(load_within(x + c, count - c), shift);
  hn::StoreU(hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(count - c)), last), d, phi + c);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
