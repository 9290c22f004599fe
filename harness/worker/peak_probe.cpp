#include "harness/worker/peak_probe.h"

#include <vector>

#include "harness/calibration/burst.h"
#include "harness/calibration/fma_kernels.h"

namespace attnbench {

Ceiling probe_peak(const Parallel& parallel) {
  constexpr std::int64_t kRounds = 200'000;  // 6 to 12 cycles each: about half a millisecond at 3 GHz
  constexpr int kPatience = 3;
  constexpr double kBudgetSeconds = 0.04;
  const auto loop = current_fma_loop();
  std::vector<double> sums(static_cast<std::size_t>(parallel.threads()));
  const double flops = loop.flops_per_round * static_cast<double>(kRounds * parallel.threads());
  const Burst burst = [&] {
    const auto seconds = time_burst(parallel, [&](int thread) { sums[static_cast<std::size_t>(thread)] = loop.run(kRounds); });
    return seconds ? flops / *seconds / 1e9 : 0;
  };
  return best_of({burst}, kPatience, kBudgetSeconds).front();
}

}  // namespace attnbench
