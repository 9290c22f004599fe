#include "harness/run/stop_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/support/median.h"

namespace attnbench {
namespace {

constexpr double kNarrow = 0.02;
constexpr double kMiss = 0.05;  // 1 - coverage

// Independent rounds halve the variance when their number doubles: the interval shrinks to 0.71. Where the machine drifts, or
// jumps between two speeds, more rounds do not help, and the interval after k rounds is about as wide as after k/2. Simulated with
// 20 rounds of 5 % noise (4000 cases each; tests/harness/run/stop_rule_test.cpp repeats it): this pair of constants stops 11 % of
// the independent cases early, at 19.4 rounds on average and with an interval no wider, but 95 % of those with a trend (at round
// 14), 68 % of those with two speeds, 48 % of random walks. One round instead of three would stop 44 % of the independent ones.
constexpr double kStillShrinking = 0.9;
constexpr int kRunning = 3;
constexpr std::size_t kFewestRounds = 12;  // half of them still have an interval

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

bool has_stopped_shrinking(const std::vector<double>& medians) {
  const auto half_width_of_first = [&](std::size_t count) {
    return relative_half_width({medians.begin(), medians.begin() + static_cast<std::ptrdiff_t>(count)});
  };
  for (std::size_t back = 0; back < kRunning; ++back) {
    const auto count = medians.size() - back;
    if (medians.size() < kFewestRounds + back) return false;
    if (half_width_of_first(count) <= kStillShrinking * half_width_of_first(count / 2)) return false;
  }
  return true;
}

const char* name_of(Stop stop) {
  constexpr const char* kNames[] = {"rounds", "narrow", "plateau", "cap"};
  return kNames[static_cast<int>(stop)];
}

std::optional<Stop> stop_of(const RoundsSoFar& so_far, const Sampling& sampling) {
  if (so_far.failed || so_far.rounds == 0) return {};
  if (so_far.rounds >= sampling.rounds) return Stop::rounds;
  if (relative_half_width(so_far.medians) < kNarrow) return Stop::narrow;
  if (has_stopped_shrinking(so_far.medians)) return Stop::plateau;
  if (so_far.seconds >= sampling.cap_seconds) return Stop::cap;
  return {};
}

bool another_round_due(const RoundsSoFar& so_far, const Sampling& sampling) { return !so_far.failed && !stop_of(so_far, sampling); }

}  // namespace attnbench
