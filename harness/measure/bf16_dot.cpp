#include "harness/measure/bf16_dot.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace attnbench {

#if defined(__x86_64__)
namespace {

constexpr int kChains = 12;  // as in fma_kernels.cpp

__attribute__((target("avx512f,avx512bf16"))) double dots(std::int64_t rounds) {
  const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3F80);   // 1.0 as bfloat16
  const __m512bh small = (__m512bh)_mm512_set1_epi16(0x3780);  // 2^-16: the sums stay finite
  // Chains that start alike would be computed once for all of them.
  __m512 c0 = _mm512_set1_ps(1.0f), c1 = _mm512_set1_ps(1.1f), c2 = _mm512_set1_ps(1.2f), c3 = _mm512_set1_ps(1.3f);
  __m512 c4 = _mm512_set1_ps(1.4f), c5 = _mm512_set1_ps(1.5f), c6 = _mm512_set1_ps(1.6f), c7 = _mm512_set1_ps(1.7f);
  __m512 c8 = _mm512_set1_ps(1.8f), c9 = _mm512_set1_ps(1.9f), c10 = _mm512_set1_ps(2.0f), c11 = _mm512_set1_ps(2.1f);
  for (std::int64_t i = 0; i < rounds; ++i) {
    c0 = _mm512_dpbf16_ps(c0, ones, small);
    c1 = _mm512_dpbf16_ps(c1, ones, small);
    c2 = _mm512_dpbf16_ps(c2, ones, small);
    c3 = _mm512_dpbf16_ps(c3, ones, small);
    c4 = _mm512_dpbf16_ps(c4, ones, small);
    c5 = _mm512_dpbf16_ps(c5, ones, small);
    c6 = _mm512_dpbf16_ps(c6, ones, small);
    c7 = _mm512_dpbf16_ps(c7, ones, small);
    c8 = _mm512_dpbf16_ps(c8, ones, small);
    c9 = _mm512_dpbf16_ps(c9, ones, small);
    c10 = _mm512_dpbf16_ps(c10, ones, small);
    c11 = _mm512_dpbf16_ps(c11, ones, small);
  }
  const __m512 left = _mm512_add_ps(_mm512_add_ps(_mm512_add_ps(c0, c1), c2), _mm512_add_ps(_mm512_add_ps(c3, c4), c5));
  const __m512 right = _mm512_add_ps(_mm512_add_ps(_mm512_add_ps(c6, c7), c8), _mm512_add_ps(_mm512_add_ps(c9, c10), c11));
  return static_cast<double>(_mm512_cvtss_f32(_mm512_add_ps(left, right)));
}

}  // namespace

std::optional<Bf16DotLoop> bf16_dot_loop() {
  if (!__builtin_cpu_supports("avx512bf16")) return std::nullopt;
  return Bf16DotLoop{&dots, 2.0 * 32 * kChains};
}
#else
std::optional<Bf16DotLoop> bf16_dot_loop() { return std::nullopt; }
#endif

}  // namespace attnbench
