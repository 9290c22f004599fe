// Register budget: a multiply-add takes 4 cycles on every x86 core since Skylake and Zen and two start per cycle, so 8 independent
// chains keep the units busy; Arm cores with four pipes want 16. 12 chains and 2 constants fit the 16 registers of SSE4 and AVX2
// with two to spare for a target that multiplies and adds separately, and measure the same as 8 there.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/worker/peak_probe.cpp"
#include "harness/worker/peak_probe.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace attnbench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The factor lies just below 1 and the addend keeps the chains around 1, away from subnormal numbers and from infinity.
float multiply_adds(std::int64_t rounds) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999f);
  const auto addend = hn::Set(d, 0.001f);
  auto c0 = hn::Set(d, 1.0f), c1 = hn::Set(d, 1.1f), c2 = hn::Set(d, 1.2f), c3 = hn::Set(d, 1.3f);
  auto c4 = hn::Set(d, 1.4f), c5 = hn::Set(d, 1.5f), c6 = hn::Set(d, 1.6f), c7 = hn::Set(d, 1.7f);
  auto c8 = hn::Set(d, 1.8f), c9 = hn::Set(d, 1.9f), c10 = hn::Set(d, 2.0f), c11 = hn::Set(d, 2.1f);
  for (std::int64_t i = 0; i < rounds; ++i) {
    c0 = hn::MulAdd(c0, factor, addend);
    c1 = hn::MulAdd(c1, factor, addend);
    c2 = hn::MulAdd(c2, factor, addend);
    c3 = hn::MulAdd(c3, factor, addend);
    c4 = hn::MulAdd(c4, factor, addend);
    c5 = hn::MulAdd(c5, factor, addend);
    c6 = hn::MulAdd(c6, factor, addend);
    c7 = hn::MulAdd(c7, factor, addend);
    c8 = hn::MulAdd(c8, factor, addend);
    c9 = hn::MulAdd(c9, factor, addend);
    c10 = hn::MulAdd(c10, factor, addend);
    c11 = hn::MulAdd(c11, factor, addend);
  }
  const auto sum = hn::Add(hn::Add(hn::Add(c0, c1), hn::Add(c2, c3)),
                           hn::Add(hn::Add(hn::Add(c4, c5), hn::Add(c6, c7)), hn::Add(hn::Add(c8, c9), hn::Add(c10, c11))));
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

double flops_per_round() { return 2.0 * 12 * static_cast<double>(hn::Lanes(hn::ScalableTag<float>())); }

}  // namespace HWY_NAMESPACE
}  // namespace attnbench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <chrono>
#include <vector>

namespace attnbench {

HWY_EXPORT(multiply_adds);
HWY_EXPORT(flops_per_round);

double probe_peak_gflops(const Parallel& parallel) {
  constexpr int kBursts = 4;                 // the first also wakes the threads
  constexpr std::int64_t kRounds = 200'000;  // 6 cycles each at two per cycle: under half a millisecond at 3 GHz
  std::vector<float> sums(static_cast<std::size_t>(parallel.threads()));
  double best = 0;
  for (int burst = 0; burst < kBursts; ++burst) {
    const auto start = std::chrono::steady_clock::now();
    parallel.for_each(parallel.threads(), [&](std::int64_t i, int) {
      sums[static_cast<std::size_t>(i)] = HWY_DYNAMIC_DISPATCH(multiply_adds)(kRounds);
    });
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    const double flops = HWY_DYNAMIC_DISPATCH(flops_per_round)() * static_cast<double>(kRounds * parallel.threads());
    best = std::max(best, flops / elapsed.count() / 1e9);
  }
  return best;
}

}  // namespace attnbench
#endif
