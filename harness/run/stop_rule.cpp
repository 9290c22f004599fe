#include "harness/run/stop_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/worker/timer.h"

namespace attnbench {
namespace {

constexpr double kNarrow = 0.02;
constexpr double kMiss = 0.05;  // 1 - coverage

// Largest r such that the interval from the r-th smallest to the r-th largest of n values covers the median with 95 %:
// 2 P(Binomial(n, 1/2) < r) <= 5 %. Zero when even the extremes do not.
int order_statistic_rank(int n) {
  double term = std::ldexp(1.0, -n), below = 0;  // P(X = k), P(X < k + 1)
  int rank = 0;
  for (int k = 0; 2 * (below + term) <= kMiss; ++k) {
    below += term;
    term *= static_cast<double>(n - k) / (k + 1);
    rank = k + 1;
  }
  return rank;
}

}  // namespace

double relative_half_width(std::vector<double> medians) {
  const auto n = static_cast<int>(medians.size());
  const int rank = order_statistic_rank(n);
  if (rank == 0) return std::numeric_limits<double>::infinity();
  std::sort(medians.begin(), medians.end());
  const double low = medians[static_cast<std::size_t>(rank - 1)];
  const double high = medians[static_cast<std::size_t>(n - rank)];
  return (high - low) / 2 / median(medians);
}

bool another_round_due(const RoundsSoFar& so_far, const Sampling& sampling) {
  if (so_far.failed || so_far.rounds >= sampling.rounds) return false;
  if (so_far.rounds > 0 && so_far.seconds >= sampling.cap_seconds) return false;
  return relative_half_width(so_far.medians) >= kNarrow;
}

}  // namespace attnbench
