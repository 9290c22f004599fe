// ETA estimator: the work that is still ahead of a run, in pieces and in seconds, as the progress bar shows it. Predictions improve
// and cases turn out to need less while the run goes on, so what was announced is corrected at every step.
#pragma once

#include <optional>
#include <vector>

#include "harness/run/forecast.h"
#include "harness/run/ledger.h"
#include "harness/run/progress.h"
#include "harness/run/schedule.h"

namespace attnbench {

struct Case;
struct Plan;

class EtaEstimator {
 public:
  /// What the plan's cases still need is read from the ledger. Plan, ledger and progress must outlive this.
  EtaEstimator(const Plan& plan, const Ledger& ledger, Progress& progress);

  /// The groups that the run is about to go through, round by round, and whose inputs are made only once.
  void announce(const std::vector<Cases>& groups, std::vector<bool> inputs_kept);
  /// Forecasts every group again: predictions have changed, or another pace has been learned.
  void refresh();
  /// The run works on the group at that place, and then no longer.
  void begin_group(std::size_t place) { in_hand_ = place; }
  void end_group();
  /// All that is left: the weights of these cases, so many inputs with them.
  void announce_weights(const std::vector<Case>& cases, int inputs);

  /// A piece of work was done; it took so many seconds if it was ok.
  void done(JobKind kind, const Case& bench_case, std::optional<double> seconds);
  /// The rounds of a case are over.
  void rounds_over(const RoundsSoFar& so_far) { forecast_.learn_rounds(so_far); }

 private:
  // A group of cases, and what it was last said to need.
  struct Ahead {
    Cases group;
    bool inputs_kept = true;
    bool inputs_made = false;
    int pieces = 0;
    double seconds = 0;
  };
  void refresh(Ahead& ahead);
  void show_left();
  int rounds_left(const Case& bench_case) const;
  int pieces(const Case& bench_case) const;
  double seconds(const Case& bench_case) const;
  // How often the inputs of a group must still be made.
  int inputs_left(const Ahead& ahead) const;

  const Plan& plan_;
  const Ledger& ledger_;
  Progress& progress_;
  Forecast forecast_;
  std::vector<Ahead> ahead_;            // in plan order
  std::optional<std::size_t> in_hand_;  // the group at work
  double weights_seconds_ = 0;          // forecast for the attention matrices
};

}  // namespace attnbench
