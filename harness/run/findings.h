// Findings: what a run learned about its own trustworthiness, as a line each at its end: a machine whose speed changed or that was
// not all there, results faster than it can be, and how right the predictions were.
#pragma once

#include <string>
#include <vector>

namespace attnbench {

struct Case;
struct TimedRound;

class Findings {
 public:
  /// A round that was ok, judged (ceiling_check.h), and the calibrated multiply-add peak of as many threads (GFLOP/s; 0
  /// when it is not known).
  void add_round(const Case& bench_case, const TimedRound& round, double calibrated_peak);
  /// A case whose rounds are done, and the median of their medians, in seconds.
  void add_time(const Case& bench_case, double seconds);
  /// The resident peak of its memory pass, in bytes.
  void add_memory(const Case& bench_case, double bytes);

  /// Whether a probe beside a round gave more than the calibrated peak: the calibration is too low.
  bool calibration_refuted() const { return !faster_.empty(); }

  std::vector<std::string> lines() const;

 private:
  struct Note {
    double value = 0;
    std::string where;
  };
  // Predicted over measured.
  static std::string error_text(std::vector<Note> ratios);

  int rounds_ = 0;
  std::vector<Note> drifts_;    // rounds between whose probes the machine's speed changed noticeably
  std::vector<Note> slow_;      // rounds beside which it gave much less than its calibrated peak, by what was missing
  std::vector<Note> faster_;    // rounds beside which it gave more than its calibrated peak, by the factor
  std::vector<Note> breaches_;  // rounds above a ceiling, by the larger share
  std::vector<Note> times_, memories_;
};

}  // namespace attnbench
