// exp2, exp and tanh on vectors of float32, for the code of one Highway target. Include inside a foreach_target file.
//
// Polynomials are minimax fits of our own (Lawson iteration on 4001 Chebyshev nodes, relative error), rounded to float32; the
// error bounds are those of the finished functions, tested over all floats in tests/kernels/simd_math_test.cpp.
#if defined(ATTNBENCH_SIMD_MATH_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_SIMD_MATH_INL
#undef ATTNBENCH_SIMD_MATH_INL
#else
#define ATTNBENCH_SIMD_MATH_INL
#endif

#include <hwy/highway.h>

#include "variants/kernels/blocking.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using IntTag = hn::ScalableTag<std::int32_t>;
using FloatVec = hn::Vec<FloatTag>;

constexpr int kLanes = static_cast<int>(hn::MaxLanes(FloatTag()));
constexpr RegisterBlocking kBlocking = HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64 ? k32Registers : k16Registers;

/// The largest lane. hn::MaxOfLanes starts from the lowest finite number on EMU128, so that lanes of -infinity come out as that.
HWY_INLINE float max_of_lanes(FloatVec v) {
  const FloatTag d;
#if HWY_TARGET == HWY_EMU128
  float lanes[kLanes];
  hn::StoreU(v, d, lanes);
  float max = lanes[0];
  for (const float lane : lanes) max = lane > max ? lane : max;
  return max;
#else
  return hn::GetLane(hn::MaxOfLanes(d, v));
#endif
}

/// 2^f for |f| <= 0.5, before the scaling by a power of two; relative error of the fit 9.2e-8.
HWY_INLINE FloatVec exp2_fraction(FloatVec f) {
  const FloatTag d;
  auto p = hn::MulAdd(hn::Set(d, 1.326472731e-3f), f, hn::Set(d, 9.671512991e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.550733581e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.402224243e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.931470037e-1f));
  return hn::MulAdd(p, f, hn::Set(d, 1.0f));
}

/// 2^(factor x) for factor x <= 0; 0 below -125.5, also where the product overflows, NaN for NaN. Relative error <= 1.9e-7; without
/// fused multiply-add, which never rounds the product, 4.2e-8 |factor x| more.
/// Rounding to the nearest integer n by adding 1.5 * 2^23 leaves n in the low bits of the sum, ready to be shifted into the
/// exponent: one addition, no conversion, and much cheaper than a round instruction on AVX-512.
HWY_INLINE FloatVec exp2_scaled(FloatVec x, FloatVec factor) {
  const FloatTag d;
  const IntTag di;
  constexpr float kMagic = 12582912.0f;
  const auto magic = hn::Set(d, kMagic);
  const auto shifted = hn::MulAdd(x, factor, magic);
  const auto p = exp2_fraction(hn::MulSub(x, factor, hn::Sub(shifted, magic)));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  const auto result = hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
  return hn::IfThenZeroElse(hn::Lt(shifted, hn::Set(d, kMagic - 125.0f)), result);
}

/// e^x for x <= 88.02; 0 below -87.33 and for -inf, NaN for NaN. Relative error <= 2.0e-7.
/// ln 2 is split in two so that the reduced argument stays exact without a fused multiply-add (Cody and Waite 1980).
HWY_INLINE FloatVec exp_vector(FloatVec x) {
  const FloatTag d;
  const IntTag di;
  const auto magic = hn::Set(d, 12582912.0f);
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.44269504f), magic);
  const auto n = hn::Sub(shifted, magic);
  auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  const auto p = exp2_fraction(hn::Mul(r, hn::Set(d, 1.44269504f)));
  const auto result = hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.33f)), result);
}

/// tanh x, odd, exactly +-1 for |x| >= 9.02, NaN for NaN. Relative error <= 2.0e-7.
/// Below 0.625 an odd polynomial (keeps the relative error near 0), above 1 - 2 / (e^{2|x|} + 1).
HWY_INLINE FloatVec tanh_vector(FloatVec x) {
  const FloatTag d;
  const auto magnitude = hn::Abs(x);
  const auto one = hn::Set(d, 1.0f);
  const auto z = hn::Mul(x, x);
  auto p = hn::MulAdd(hn::Set(d, -5.704984535e-3f), z, hn::Set(d, 2.063908428e-2f));
  p = hn::MulAdd(p, z, hn::Set(d, -5.373971537e-2f));
  p = hn::MulAdd(p, z, hn::Set(d, 1.333144158e-1f));
  p = hn::MulAdd(p, z, hn::Set(d, -3.333328068e-1f));
  const auto small = hn::MulAdd(hn::Mul(p, z), x, x);
  const auto bounded = hn::IfThenElse(hn::Gt(magnitude, hn::Set(d, 10.0f)), hn::Set(d, 10.0f), magnitude);
  const auto e = exp_vector(hn::Add(bounded, bounded));
  const auto large = hn::Sub(one, hn::Div(hn::Set(d, 2.0f), hn::Add(e, one)));
  return hn::CopySign(hn::IfThenElse(hn::Lt(magnitude, hn::Set(d, 0.625f)), small, large), x);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
