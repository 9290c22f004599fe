// Eight loads into eight accumulators per turn: an integer `or` has latency 1 and a port beside every load port, so that the loads
// are the limit wherever the data lie (a floating-point sum halves the rate of AVX2 cores with three load ports).
#include "harness/measure/bandwidth_kernels.h"

#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/measure/bandwidth_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace attnbench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

std::uint32_t read_loop(const std::byte* data, std::size_t bytes, std::int64_t sweeps) {
  const hn::ScalableTag<std::uint32_t> d;
  const std::size_t step = hn::Lanes(d);
  const auto* begin = reinterpret_cast<const std::uint32_t*>(data);
  const auto* end = begin + bytes / sizeof(std::uint32_t);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (std::int64_t sweep = 0; sweep < sweeps; ++sweep) {
    for (const auto* p = begin; p != end; p += 8 * step) {
      s0 = hn::Or(s0, hn::Load(d, p));
      s1 = hn::Or(s1, hn::Load(d, p + step));
      s2 = hn::Or(s2, hn::Load(d, p + 2 * step));
      s3 = hn::Or(s3, hn::Load(d, p + 3 * step));
      s4 = hn::Or(s4, hn::Load(d, p + 4 * step));
      s5 = hn::Or(s5, hn::Load(d, p + 5 * step));
      s6 = hn::Or(s6, hn::Load(d, p + 6 * step));
      s7 = hn::Or(s7, hn::Load(d, p + 7 * step));
    }
    asm volatile("" ::: "memory");  // or the sweeps would be one: what was read is the same every time
  }
  const auto all = hn::Or(hn::Or(hn::Or(s0, s1), hn::Or(s2, s3)), hn::Or(hn::Or(s4, s5), hn::Or(s6, s7)));
  return hn::GetLane(hn::MaxOfLanes(d, all));
}

void triad_loop(float* a, const float* b, const float* c, std::size_t bytes, std::int64_t sweeps) {
  const hn::ScalableTag<float> d;
  const std::size_t step = hn::Lanes(d);
  const std::size_t count = bytes / sizeof(float);
  const auto factor = hn::Set(d, 0.5f);
  for (std::int64_t sweep = 0; sweep < sweeps; ++sweep) {
    for (std::size_t i = 0; i < count; i += 4 * step) {
      hn::Store(hn::MulAdd(factor, hn::Load(d, c + i), hn::Load(d, b + i)), d, a + i);
      hn::Store(hn::MulAdd(factor, hn::Load(d, c + i + step), hn::Load(d, b + i + step)), d, a + i + step);
      hn::Store(hn::MulAdd(factor, hn::Load(d, c + i + 2 * step), hn::Load(d, b + i + 2 * step)), d, a + i + 2 * step);
      hn::Store(hn::MulAdd(factor, hn::Load(d, c + i + 3 * step), hn::Load(d, b + i + 3 * step)), d, a + i + 3 * step);
    }
    asm volatile("" ::: "memory");
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnbench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench {

HWY_EXPORT(read_loop);
HWY_EXPORT(triad_loop);

std::uint32_t read_sweeps(const std::byte* data, std::size_t bytes, std::int64_t sweeps) {
  kernels::init_dispatch();
  return HWY_DYNAMIC_DISPATCH(read_loop)(data, bytes, sweeps);
}

void triad_sweeps(float* a, const float* b, const float* c, std::size_t bytes, std::int64_t sweeps) {
  kernels::init_dispatch();
  HWY_DYNAMIC_DISPATCH(triad_loop)(a, b, c, bytes, sweeps);
}

}  // namespace attnbench
#endif
