// What both kernels of linear attention need: the feature map, and vectors at the end of a row.
#if defined(ATTNBENCH_LINEAR_FEATURES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_LINEAR_FEATURES_INL
#undef ATTNBENCH_LINEAR_FEATURES_INL
#else
#define ATTNBENCH_LINEAR_FEATURES_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "variants/kernels/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// phi(x) = x + 1 above 0, e^x below.
HWY_INLINE FloatVec feature_map(FloatVec x) {
  const FloatTag d;
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Add(x, hn::Set(d, 1.0f)), exp_vector(x));
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

/// phi of the `count` elements of a row, 0 up to the end of their last vector.
HWY_INLINE void feature_row(const float* x, std::int64_t count, float* phi) {
  const FloatTag d;
  std::int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) hn::StoreU(feature_map(hn::LoadU(d, x + c)), d, phi + c);
  if (c == count) return;
  const auto last = feature_map(load_within(x + c, count - c));
  hn::StoreU(hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(count - c)), last), d, phi + c);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
