// Fourier transforms of kLanes sequences side by side, for the code of one Highway target. Include inside a foreach_target file.
//
// Element j of all sequences is two vectors, real and imaginary parts: data[j][2][kLanes]. So nothing is shuffled, twiddles are
// broadcast, and rows of many channels load as they lie. Forward goes from natural to bit-reversed order, inverse back (Gentleman &
// Sande 1966; Cooley & Tukey 1965), two levels of radix 2 at once: a product of two transforms never meets the order at all.
#if defined(ATTNBENCH_FFT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_FFT_INL
#undef ATTNBENCH_FFT_INL
#else
#define ATTNBENCH_FFT_INL
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "variants/kernels/fourier/fft_plan.h"
#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kComplexLanes = 2 * kLanes;  // floats of an element

struct ComplexVec {
  FloatVec re, im;
};

HWY_INLINE ComplexVec load_complex(const float* at) {
  const FloatTag d;
  return {hn::LoadU(d, at), hn::LoadU(d, at + kLanes)};
}
HWY_INLINE void store_complex(ComplexVec z, float* at) {
  const FloatTag d;
  hn::StoreU(z.re, d, at);
  hn::StoreU(z.im, d, at + kLanes);
}
HWY_INLINE ComplexVec broadcast(const float* z) {
  const FloatTag d;
  return {hn::Set(d, z[0]), hn::Set(d, z[1])};
}
HWY_INLINE ComplexVec add(ComplexVec a, ComplexVec b) { return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)}; }
HWY_INLINE ComplexVec sub(ComplexVec a, ComplexVec b) { return {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)}; }
/// a + i b and a - i b
HWY_INLINE ComplexVec add_i(ComplexVec a, ComplexVec b) { return {hn::Sub(a.re, b.im), hn::Add(a.im, b.re)}; }
HWY_INLINE ComplexVec sub_i(ComplexVec a, ComplexVec b) { return {hn::Add(a.re, b.im), hn::Sub(a.im, b.re)}; }
HWY_INLINE ComplexVec mul(ComplexVec a, ComplexVec b) {
  return {hn::NegMulAdd(a.im, b.im, hn::Mul(a.re, b.re)), hn::MulAdd(a.re, b.im, hn::Mul(a.im, b.re))};
}
/// a conj(b)
HWY_INLINE ComplexVec mul_conj(ComplexVec a, ComplexVec b) {
  return {hn::MulAdd(a.im, b.im, hn::Mul(a.re, b.re)), hn::NegMulAdd(a.re, b.im, hn::Mul(a.im, b.re))};
}

/// Sums and differences of neighbours: the last level forward, the first one back, where the levels are odd in number.
HWY_INLINE void pair_level(float* data, std::int64_t size) {
  for (std::int64_t t = 0; t < size; t += 2, data += 2 * kComplexLanes) {
    const auto a = load_complex(data), b = load_complex(data + kComplexLanes);
    store_complex(add(a, b), data);
    store_complex(sub(a, b), data + kComplexLanes);
  }
}

/// Four elements a quarter of a block apart.
HWY_INLINE void forward_quad(float* x, std::int64_t quarter, const float* w) {
  const auto a0 = load_complex(x), a1 = load_complex(x + quarter), a2 = load_complex(x + 2 * quarter),
             a3 = load_complex(x + 3 * quarter);
  const auto even = add(a0, a2), odd = add(a1, a3), even_rest = sub(a0, a2), odd_rest = sub(a1, a3);
  store_complex(add(even, odd), x);
  store_complex(mul(sub(even, odd), broadcast(w + 2)), x + quarter);
  store_complex(mul(sub_i(even_rest, odd_rest), broadcast(w)), x + 2 * quarter);
  store_complex(mul(add_i(even_rest, odd_rest), broadcast(w + 4)), x + 3 * quarter);
}

HWY_INLINE void inverse_quad(float* x, std::int64_t quarter, const float* w) {
  const auto c0 = load_complex(x), c1 = mul_conj(load_complex(x + quarter), broadcast(w + 2)),
             c2 = mul_conj(load_complex(x + 2 * quarter), broadcast(w)),
             c3 = mul_conj(load_complex(x + 3 * quarter), broadcast(w + 4));
  const auto low = add(c0, c1), high = sub(c0, c1), sum = add(c2, c3), rest = sub(c2, c3);
  store_complex(add(low, sum), x);
  store_complex(add_i(high, rest), x + quarter);
  store_complex(sub(low, sum), x + 2 * quarter);
  store_complex(sub_i(high, rest), x + 3 * quarter);
}

template <class Quad>
HWY_INLINE void quad_level(float* data, std::int64_t size, std::int64_t block, const float* twiddles, Quad quad) {
  const auto quarter = block / 4;
  for (std::int64_t start = 0; start < size; start += block)
    for (std::int64_t j = 0; j < quarter; ++j) quad(data + (start + j) * kComplexLanes, quarter * kComplexLanes, twiddles + 6 * j);
}

/// data [size][2][kLanes], by a power of two; twiddles of the plan.
inline void forward_transform(float* data, std::int64_t size, const float* twiddles) {
  auto block = size;
  for (; block >= 4; block /= 4) {
    quad_level(data, size, block, twiddles,
               [](float* x, std::int64_t quarter, const float* w) HWY_ATTR { forward_quad(x, quarter, w); });
    twiddles += 6 * (block / 4);
  }
  if (block == 2) pair_level(data, size);
}

/// Back again, `size` times as large.
inline void inverse_transform(float* data, std::int64_t size, const FftPlan& plan) {
  auto block = size;
  while (block >= 4) block /= 4;
  if (block == 2) pair_level(data, size);
  const float* end = plan.twiddles.data() + plan.twiddles.size();
  for (block = block == 2 ? 8 : 4; block <= size; block *= 4) {
    end -= 6 * (block / 4);
    quad_level(data, size, block, end,
               [](float* x, std::int64_t quarter, const float* w) HWY_ATTR { inverse_quad(x, quarter, w); });
  }
}

/// data = inverse(forward(data) spectrum): a cyclic convolution. spectrum: bit-reversed, over size.
inline void convolve_cyclically(float* data, const FftPlan& plan, const float* spectrum) {
  forward_transform(data, plan.size, plan.twiddles.data());
  for (std::int64_t t = 0; t < plan.size; ++t) {
    float* at = data + t * kComplexLanes;
    store_complex(mul(load_complex(at), broadcast(spectrum + 2 * t)), at);
  }
  inverse_transform(data, plan.size, plan);
}

/// The transform of any length: data [plan.size][2][kLanes] holds plan.length elements and takes them back.
/// Frequency k then stands at position_of(plan, k).
inline void transform_any(float* data, const FftPlan& plan) {
  if (!plan.by_chirp()) return forward_transform(data, plan.size, plan.twiddles.data());
  const auto with_chirp = [&] HWY_ATTR {
    for (std::int64_t j = 0; j < plan.length; ++j) {
      float* at = data + j * kComplexLanes;
      store_complex(mul(load_complex(at), broadcast(plan.chirp.data() + 2 * j)), at);
    }
  };
  with_chirp();
  std::fill(data + plan.length * kComplexLanes, data + plan.size * kComplexLanes, 0.0f);
  convolve_cyclically(data, plan, plan.spectrum.data());
  with_chirp();
}

inline std::int64_t position_of(const FftPlan& plan, std::int64_t k) { return plan.by_chirp() ? k : bit_reversed(k, plan.size); }

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
