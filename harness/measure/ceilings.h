// Ceilings: what a worker process measures for a calibration, with the same arena and the same OpenBLAS setting as for a case.
#pragma once

#include <string>

#include "harness/measure/calibration.h"
#include "variants/api/parallel.h"

namespace attnbench {

/// What one worker measures: "fma", "sgemm", "bandwidth", "clock", or "nothing" (an empty job, to time the worker itself).
struct CeilingTask {
  std::string what;
  bool quick = false;         // fewer sizes, fewer tries
  double budget_seconds = 1;  // measuring stops there; everything is tried once in any case
};

/// A calibration that holds only what was asked for.
Calibration measure_ceilings(const CeilingTask& task, const Parallel& parallel);

/// Working sets from 16 KiB (at least 4 KiB a thread) by factors of `step` to four times the last-level cache, at most a quarter of
/// the memory available or 1 GiB: "beyond the last level" where the memory allows it.
std::vector<std::int64_t> working_sets(std::int64_t last_level_bytes, double available_bytes, int threads, int step);

}  // namespace attnbench
