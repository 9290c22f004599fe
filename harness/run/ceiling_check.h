// Ceiling check: a measured time as a share of what the machine can do; beyond that it is no result but an error of measurement.
#pragma once

#include <optional>
#include <string>

#include "harness/measure/calibration.h"

namespace attnbench {

struct Case;
struct TimedRound;

/// Fills share_of_peak, share_of_bandwidth and above_ceiling (record.schema.json) of a round of a case that ran on `isa`. Without a
/// calibration, or with one that is below the peak probed beside the case, the share of bandwidth is null.
void add_ceilings(TimedRound& round, const Case& bench_case, const std::string& isa, const std::optional<Calibration>& calibration);

/// Why such a time is impossible, for a round that add_ceilings() has seen: the declared multiply-adds would take more than the
/// larger of the probed and the calibrated peak (GFLOP/s; 0 when it is not known), or the inputs more than four times the
/// calibrated bandwidth, which is not probed beside a case. Empty when it is possible.
std::string impossible_time(const TimedRound& round, double calibrated_peak);

}  // namespace attnbench
