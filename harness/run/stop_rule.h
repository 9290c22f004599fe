// Stop rule: when a case has been measured often enough. Rounds are fresh processes, so the rule looks at process medians only.
#pragma once

#include <optional>
#include <vector>

#include "harness/planning/sampling.h"

namespace attnbench {

/// What the rounds of a case have given so far.
struct RoundsSoFar {
  int rounds = 0;
  double seconds = 0;           // spent in their workers
  std::vector<double> medians;  // of the rounds that were ok, in their order
  bool failed = false;          // a round crashed, hung or ran out of memory
};

/// Why no further round follows: all planned ones are done; the 95 % interval of the median of medians is narrower than 2 % to
/// either side; it has stopped shrinking; the cap is used up.
enum class Stop { rounds, narrow, plateau, cap };
const char* name_of(Stop stop);

/// Empty while another round is due, and for a case that failed.
std::optional<Stop> stop_of(const RoundsSoFar& so_far, const Sampling& sampling);

/// Whether another round is due: none after a failure or a stop.
bool another_round_due(const RoundsSoFar& so_far, const Sampling& sampling);

/// Half the width of the order-statistic interval with at least 95 % coverage for the median, as a share of the median; infinity
/// below six values, where no such interval exists.
double relative_half_width(std::vector<double> medians);

/// Whether twice the rounds have not made the interval narrower by a tenth, for three rounds running.
bool has_stopped_shrinking(const std::vector<double>& medians);

}  // namespace attnbench
