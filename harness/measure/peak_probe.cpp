#include "harness/measure/peak_probe.h"

#include <algorithm>
#include <vector>

#include "harness/measure/burst.h"
#include "harness/measure/fma_kernels.h"

namespace attnbench {

Ceiling probe_peak(const Parallel& parallel) {
  constexpr std::int64_t kRounds = 200'000;  // 6 to 12 cycles each: about half a millisecond at 3 GHz
  constexpr double kBudgetSeconds = 0.04;
  // Several threads may find themselves on one core while the pool of a library that was called before still spins on the others,
  // and then agree on half the peak for some milliseconds.
  const int patience = parallel.threads() > 1 ? 20 : 3;
  const auto loop = current_fma_loop();
  std::vector<double> sums(static_cast<std::size_t>(parallel.threads()));
  const double flops = loop.flops_per_round * static_cast<double>(kRounds * parallel.threads());
  const Burst burst = [&] {
    const auto seconds = time_burst(parallel, [&](int thread) { sums[static_cast<std::size_t>(thread)] = loop.run(kRounds); });
    return seconds ? flops / *seconds / 1e9 : 0;
  };
  return best_of({burst}, patience, kBudgetSeconds).front();
}

double undisturbed_peak(double found, double needed, int cores, const std::function<double()>& together,
                        const std::function<double()>& alone) {
  constexpr int kTries = 12;
  double bound = 0;
  for (int i = 0; i < kTries && found < needed; ++i) {
    found = std::max(found, together());
    bound = std::max(bound, cores * alone());
  }
  return found < needed ? std::max(found, bound) : found;
}

}  // namespace attnbench
