// Calibrate: measures a machine's ceilings by worker processes, one for each kind of ceiling and number of threads, so that each
// starts as fresh as the worker that times a case.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/measure/calibration.h"

namespace attnbench {

struct CalibrateOptions {
  std::string self;                                    // path of this binary, started again as the worker
  bool quick = true;                                   // fewer sizes, tries and thread counts
  double seconds = 4;                                  // to spend on bursts, more or less; process starts come on top
  std::function<bool()> keep_going{};                  // asked while workers run; false stops
  std::function<void(const std::string&)> announce{};  // what is measured next
};

/// Empty when it was stopped. Throws std::runtime_error, with the reason, when a worker cannot measure.
std::optional<Calibration> calibrate(const CalibrateOptions& options);

/// The thread counts of a machine with that many cores: each up to 4, then powers of two, and all of them; 1 and all when quick.
std::vector<int> calibrated_threads(int cores, bool quick);

}  // namespace attnbench
