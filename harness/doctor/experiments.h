// Experiments: the synthetic workload timed in fresh worker processes, as a case is, in patterns whose outcome is known: the same
// thing twice, one thing twice as long, work that grows as n and as n^2. What comes of it is judged by the statistics of the
// reports (reports/attnbench/doctor).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "harness/support/json_fwd.h"

namespace attnbench {

struct ExperimentOptions {
  std::string self;                    // path of this binary, started again as the worker
  bool quick = false;                  // about 20 s instead of 90
  double scale = 1;                    // of the rounds and of the seconds each takes; below 1 for tests, which judge no number
  std::function<bool()> keep_going{};  // false stops
  std::function<void(const std::string&)> announce{};  // what is measured next
};

/// The medians of all processes, in seconds:
///   noise: [{seconds: wanted length of a call, medians}]     one length after the other
///   same:  [{base, new}]                                     rows of an A/A table, rounds in the order A B B A
///   twice: {base, new}                                       new does twice the turns
///   growth: [{exponent, n, medians: [[...] per n]}]
///   peaks_gflops                                             every peak probe beside the samples, in order
/// Empty when it was stopped. Throws std::runtime_error when a worker fails.
std::optional<Json> run_experiments(const ExperimentOptions& options);

}  // namespace attnbench
