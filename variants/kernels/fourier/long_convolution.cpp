// Two channels make one complex sequence, whose real and imaginary parts a real filter keeps apart.
#include "variants/kernels/fourier/long_convolution.h"

#include <algorithm>

#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/fourier/long_convolution.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/fourier/fft-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

// `count` <= kLanes numbers in a vector, zeros behind them.
HWY_INLINE FloatVec load_part(const float* from, std::int64_t count) {
  const FloatTag d;
  if (count >= kLanes) return hn::LoadU(d, from);
  HWY_ALIGN float lanes[kLanes] = {};
  for (std::int64_t c = 0; c < count; ++c) lanes[c] = from[c];
  return hn::Load(d, lanes);
}

HWY_INLINE void store_part(FloatVec x, float* to, std::int64_t count) {
  const FloatTag d;
  if (count >= kLanes) return hn::StoreU(x, d, to);
  HWY_ALIGN float lanes[kLanes];
  hn::Store(x, d, lanes);
  for (std::int64_t c = 0; c < count; ++c) to[c] = lanes[c];
}

// Half a row: channels [first, first + count) of it.
HWY_INLINE FloatVec gated(const float* x, const float* gate, std::int64_t first, std::int64_t count) {
  const auto value = load_part(x + first, count);
  return gate ? hn::Mul(value, load_part(gate + first, count)) : value;
}

void convolve_channels(const LongConvolution& task, float* data) {
  const auto low = std::min<std::int64_t>(kLanes, task.channels), high = task.channels - low;
  const auto tokens = std::min(task.tokens, task.rows);
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float *v = task.v + t * task.v_stride, *k = task.k ? task.k + t * task.k_stride : nullptr;
    store_complex({gated(v, k, 0, low), high > 0 ? gated(v, k, kLanes, high) : hn::Zero(FloatTag())}, data + t * kComplexLanes);
  }
  std::fill(data + tokens * kComplexLanes, data + task.plan.size * kComplexLanes, 0.0f);
  convolve_cyclically(data, task.plan, task.spectrum);
  for (std::int64_t t = 0; t < task.rows; ++t) {
    const float* q = task.q ? task.q + t * task.q_stride : nullptr;
    float *y = task.y + t * task.y_stride, *at = data + t * kComplexLanes;
    store_part(q ? hn::Mul(load_complex(at).re, load_part(q, low)) : load_complex(at).re, y, low);
    if (high <= 0) continue;
    store_part(q ? hn::Mul(load_complex(at).im, load_part(q + kLanes, high)) : load_complex(at).im, y + kLanes, high);
  }
}

std::int64_t channels_at_once() { return kComplexLanes; }

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

constexpr std::int64_t kMostFloats = 2 * 16;  // of an element, on any instruction set

HWY_EXPORT(convolve_channels);
HWY_EXPORT(channels_at_once);

}  // namespace

std::int64_t most_channels() {
  init_dispatch();
  return HWY_DYNAMIC_DISPATCH(channels_at_once)();
}

void convolve(const LongConvolution& task, float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(convolve_channels)(task, scratch);
}

std::int64_t convolution_floats(const FftPlan& plan) { return plan.size * kMostFloats; }

}  // namespace attnbench::kernels
#endif
