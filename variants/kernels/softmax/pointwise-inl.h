// Nonlinearities of single scores in place of the softmax, for the code of one Highway target.
#if defined(ATTNBENCH_POINTWISE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_POINTWISE_INL
#undef ATTNBENCH_POINTWISE_INL
#else
#define ATTNBENCH_POINTWISE_INL
#endif

#include <hwy/highway.h>

#include <limits>

#include "variants/kernels/softmax/micro_kernels-inl.h"
#include "variants/kernels/softmax/score_terms.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

/// 1 / x for 1 <= x <= 2^126. On x86 the estimate of 12 bits (14 with AVX-512) and one step of Newton's, relative error 1.9e-7: a
/// division takes as long as the whole exponential.
HWY_INLINE FloatVec reciprocal(FloatVec x) {
  const FloatTag d;
#if HWY_TARGET <= HWY_SSE2 && HWY_ARCH_X86
  const auto estimate = hn::ApproximateReciprocal(x);
  return hn::Mul(estimate, hn::NegMulAdd(x, estimate, hn::Set(d, 2.0f)));
#else
  return hn::Div(hn::Set(d, 1.0f), x);
#endif
}

/// x, or the bound it is beyond; NaN stays.
HWY_INLINE FloatVec bounded(FloatVec lowest, FloatVec x, FloatVec highest) {
#if HWY_TARGET <= HWY_SSE2 && HWY_ARCH_X86  // gives the second operand if one is NaN
  return hn::Max(lowest, hn::Min(highest, x));
#else
  return hn::IfThenElse(hn::Lt(x, lowest), lowest, hn::IfThenElse(hn::Gt(x, highest), highest, x));
#endif
}

/// 1 / (1 + e^-x), between 1.6e-38 and 1. As exp2_scaled(), but 127 in the magic number makes 2^n a shift and 1 + e^-x one
/// multiply-add, and bounds take the place of a comparison: 16 instructions, of which 5 are the polynomial's.
HWY_INLINE FloatVec sigmoid_vector(FloatVec x) {
  const FloatTag d;
  const auto magic = hn::Set(d, 12582912.0f + 127), factor = hn::Set(d, -1.44269504f);
  x = bounded(hn::Set(d, -87.0f), x, hn::Set(d, 87.0f));
  const auto shifted = hn::MulAdd(x, factor, magic);
  const auto p = exp2_fraction(hn::MulSub(x, factor, hn::Sub(shifted, magic)));
  const auto power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(IntTag(), shifted)));
  return reciprocal(hn::MulAdd(p, power, hn::Set(d, 1.0f)));
}

template <Pointwise::Function kFunction>
HWY_INLINE FloatVec pointwise_weight(FloatVec x) {
  const FloatTag d;
  if constexpr (kFunction == Pointwise::Function::sigmoid) return sigmoid_vector(x);
  if constexpr (kFunction == Pointwise::Function::silu) {  // of a mask's most negative number the sigmoid's rest would leave -5
    const auto seen = bounded(hn::Set(d, -87.0f), x, hn::Set(d, 3.0e38f));
    return hn::Mul(seen, sigmoid_vector(x));
  }
  const auto positive = bounded(hn::Zero(d), x, hn::Set(d, std::numeric_limits<float>::infinity()));
  return kFunction == Pointwise::Function::relu ? positive : hn::Mul(positive, positive);
}

/// s [count][V kLanes] holds scores and becomes weights f(factor s + bias), bias per lane. kGuarded: scores of kMasked weigh 0.
template <Pointwise::Function kFunction, int V, bool kGuarded>
void pointwise_tile(float* HWY_RESTRICT s, std::int64_t count, float factor, const float* HWY_RESTRICT bias) {
  const FloatTag d;
  const auto scale = hn::Set(d, factor);
  FloatVec shift[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) shift[v] = hn::Load(d, bias + v * kLanes);
  for (std::int64_t t = 0; t < count; ++t)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* at = s + (t * V + v) * kLanes;
      const auto score = hn::Load(d, at);
      auto weight = pointwise_weight<kFunction>(hn::MulAdd(score, scale, shift[v]));
      if constexpr (kGuarded) weight = hn::IfThenZeroElse(hn::Eq(score, hn::Set(d, kMasked)), weight);
      hn::Store(weight, d, at);
    }
}

template <int V, bool kGuarded>
void pointwise_weights(Pointwise::Function function, float* s, std::int64_t count, float factor, const float* bias) {
  switch (function) {
    case Pointwise::Function::sigmoid: return pointwise_tile<Pointwise::Function::sigmoid, V, kGuarded>(s, count, factor, bias);
    case Pointwise::Function::relu: return pointwise_tile<Pointwise::Function::relu, V, kGuarded>(s, count, factor, bias);
    case Pointwise::Function::relu_squared:
      return pointwise_tile<Pointwise::Function::relu_squared, V, kGuarded>(s, count, factor, bias);
    case Pointwise::Function::silu: return pointwise_tile<Pointwise::Function::silu, V, kGuarded>(s, count, factor, bias);
  }
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
