#include "variants/kernels/dense/layer_ops.h"

#include <cmath>

#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/dense/layer_ops.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

// Calls f(load, store) for every vector of a row: load(x) gives kLanes elements of x from here on, zeros beyond the end.
template <class F>
HWY_INLINE void for_vectors(std::int64_t count, F f) {
  const FloatTag d;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    f([=](const float* x) HWY_ATTR { return hn::LoadU(d, x + i); },
      [=](FloatVec v, float* y) HWY_ATTR { hn::StoreU(v, d, y + i); });
  if (i == count) return;
  const auto rest = count - i;
  f(
      [=](const float* x) HWY_ATTR {
        HWY_ALIGN float lanes[kLanes] = {};
        for (std::int64_t c = 0; c < rest; ++c) lanes[c] = x[i + c];
        return hn::Load(d, lanes);
      },
      [=](FloatVec v, float* y) HWY_ATTR {
        HWY_ALIGN float lanes[kLanes];
        hn::Store(v, d, lanes);
        for (std::int64_t c = 0; c < rest; ++c) y[i + c] = lanes[c];
      });
}

// The mean first, then the squares about it: one pass over both loses digits where the mean is large.
void normalise(const float* x, const float* gain, const float* bias, float* y, std::int64_t count) {
  const FloatTag d;
  auto sum = hn::Zero(d), squares = sum;
  for_vectors(count, [&](auto load, auto) HWY_ATTR { sum = hn::Add(sum, load(x)); });
  const float mean = hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(count);
  const auto centre = hn::Set(d, mean);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto rest = hn::Sub(hn::LoadU(d, x + i), centre);
    squares = hn::MulAdd(rest, rest, squares);
  }
  HWY_ALIGN float last[kLanes] = {};  // what is missing in the last vector is no distance from the mean
  for (std::int64_t c = i; c < count; ++c) last[c - i] = x[c] - mean;
  squares = hn::MulAdd(hn::Load(d, last), hn::Load(d, last), squares);
  const float variance = hn::GetLane(hn::SumOfLanes(d, squares)) / static_cast<float>(count);
  const auto factor = hn::Set(d, 1.0f / std::sqrt(variance + static_cast<float>(kLayerNormEpsilon)));
  for_vectors(count, [&](auto load, auto store)
                         HWY_ATTR { store(hn::MulAdd(hn::Mul(hn::Sub(load(x), centre), factor), load(gain), load(bias)), y); });
}

void add(const float* y, float* x, std::int64_t count) {
  for_vectors(count, [&](auto load, auto store) HWY_ATTR { store(hn::Add(load(x), load(y)), x); });
}

void relu(const float* bias, float* x, std::int64_t count) {
  const auto zero = hn::Zero(FloatTag());
  for_vectors(count, [&](auto load, auto store) HWY_ATTR { store(hn::Max(hn::Add(load(x), load(bias)), zero), x); });
}

void gelu(const float* bias, float* x, std::int64_t count) {
  const FloatTag d;
  const auto half = hn::Set(d, 0.5f), slope = hn::Set(d, 0.79788456f), cubic = hn::Set(d, 0.79788456f * 0.044715f);
  for_vectors(count, [&](auto load, auto store) HWY_ATTR {
    const auto u = hn::Add(load(x), load(bias));
    const auto t = tanh_vector(hn::Mul(u, hn::MulAdd(cubic, hn::Mul(u, u), slope)));
    const auto halved = hn::Mul(half, u);
    store(hn::MulAdd(halved, t, halved), x);
  });
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(normalise);
HWY_EXPORT(add);
HWY_EXPORT(relu);
HWY_EXPORT(gelu);

}  // namespace

void layer_norm(const float* x, const float* gain, const float* bias, float* y, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(normalise)(x, gain, bias, y, count);
}

void add_row(const float* y, float* x, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(add)(y, x, count);
}

void bias_relu(const float* bias, float* x, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(relu)(bias, x, count);
}

void bias_gelu(const float* bias, float* x, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(gelu)(bias, x, count);
}

}  // namespace attnbench::kernels
#endif
