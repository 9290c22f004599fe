#include "harness/run/forecast.h"

#include <algorithm>
#include <cmath>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"
#include "harness/run/schedule.h"

namespace attnbench {
namespace {

constexpr double kTrustSeconds = 1;    // of a kind of work seen before its pace counts as much as the prediction
constexpr double kTrustRounds = 20;    // the same for rounds: two cases of the standard profile
constexpr double kMemorySeconds = 60;  // what was seen that long ago counts a third: the cost model was worse then

}  // namespace

double Forecast::pace(JobKind kind) const {
  const auto& seen = seen_[static_cast<std::size_t>(kind)];
  return (seen.actual + kTrustSeconds) / (seen.predicted + kTrustSeconds);
}

double Forecast::seconds(JobKind kind, const Case& bench_case) const {
  return pace(kind) * predicted_job_seconds(kind, bench_case, sampling_);
}

double Forecast::seconds_of_rounds(const Case& bench_case, const RoundsSoFar& so_far) const {
  const double share = (rounds_.actual + kTrustRounds) / (rounds_.predicted + kTrustRounds);
  const double expected = std::max(share * sampling_.rounds, so_far.rounds + 1.0) - so_far.rounds;
  auto pieces = estimate_case_time(bench_case, sampling_);
  pieces.round *= pace(JobKind::time);
  return predicted_rounds(pieces, expected, so_far.seconds, sampling_);
}

void Forecast::learn(JobKind kind, const Case& bench_case, double seconds) {
  auto& seen = seen_[static_cast<std::size_t>(kind)];
  const double kept = std::exp(-seconds / kMemorySeconds);
  seen.predicted = kept * seen.predicted + predicted_job_seconds(kind, bench_case, sampling_);
  seen.actual = kept * seen.actual + seconds;
}

void Forecast::learn_rounds(const RoundsSoFar& so_far) {
  if (so_far.failed || stop_of(so_far, sampling_) == Stop::cap) return;  // the cap is predicted
  rounds_.predicted += sampling_.rounds;
  rounds_.actual += so_far.rounds;
}

}  // namespace attnbench
