// Forecast: how long the work ahead will take. The cost model knows the calls; around them stand process starts, oracles and
// probes, whose pace is learned while they pass by, and rounds that the stop rule saves.
#pragma once

#include <array>

#include "harness/planning/sampling.h"
#include "harness/protocol/job.h"
#include "harness/run/stop_rule.h"

namespace attnbench {

struct Case;

class Forecast {
 public:
  explicit Forecast(const Sampling& sampling) : sampling_(sampling) {}

  /// Seconds of one piece of work.
  double seconds(JobKind kind, const Case& bench_case) const;
  /// Seconds of the rounds that a case has still to be timed in: fewer than planned where others needed fewer.
  double seconds_of_rounds(const Case& bench_case, const RoundsSoFar& so_far) const;

  /// A piece of work was done in so many seconds; the case's prediction must be the one from before.
  void learn(JobKind kind, const Case& bench_case, double seconds);
  /// The rounds of a case are over.
  void learn_rounds(const RoundsSoFar& so_far);

 private:
  double pace(JobKind kind) const;

  struct Seen {
    double predicted = 0, actual = 0;  // seconds
  };
  Sampling sampling_;
  std::array<Seen, 6> seen_;  // by JobKind
  Seen rounds_;               // planned and needed
};

}  // namespace attnbench
