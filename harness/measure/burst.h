// Burst: the same short work on every thread of a Parallel, all at the same time, with the wall time from the first start to the
// last end. A machine's ceiling is the best of many bursts: a shared machine takes a thread away now and then, it never adds one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "harness/measure/calibration.h"
#include "variants/api/parallel.h"

namespace attnbench {

/// Runs work(i) for i in [0, threads), each on a thread of its own, begun when all are ready. Returns the seconds, or nothing when
/// the threads did not come together within 0.2 s (the machine is starved); then no work was done.
std::optional<double> time_burst(const Parallel& parallel, const std::function<void(int)>& work);

/// Rates of the bursts of one kind of work.
class BurstStats {
 public:
  /// A rate of 0 is a burst that did not come together; it counts as a try and is no rate.
  void add(double rate);
  int count() const { return count_; }
  Ceiling ceiling() const;
  /// Whether the best can be believed: three tries came within 2 % of it, as they do at a hard limit and by chance only rarely, and
  /// none of the last `patience` raised it by more than 1 %.
  bool settled(int patience) const;

 private:
  std::vector<double> rates_;
  int count_ = 0;
  int last_rise_ = 0;  // number of the try that last raised the best noticeably
  double level_ = 0;   // the best as of that try
};

/// One thing to measure: a call makes one burst and returns its rate, 0 when it did not come together.
using Burst = std::function<double()>;

/// Takes turns through the bursts, so that a disturbed second does not fall on one of them, until every best is settled or the
/// budget is used up; every one is tried at least three times.
std::vector<Ceiling> best_of(const std::vector<Burst>& bursts, int patience, double budget_seconds);

}  // namespace attnbench
