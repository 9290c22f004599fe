// Outlook: the work that is still ahead of a run, in pieces and in seconds, as the progress bar shows it. Predictions improve and
// cases turn out to need less while the run goes on, so what was announced is corrected at every step.
#pragma once

#include <optional>
#include <vector>

#include "harness/planning/plan.h"
#include "harness/run/forecast.h"
#include "harness/run/ledger.h"
#include "harness/run/progress.h"
#include "harness/run/schedule.h"

namespace attnbench {

class Outlook {
 public:
  /// What the plan's cases still need is read from the ledger. Plan, ledger and progress must outlive this.
  Outlook(const Plan& plan, const Ledger& ledger, Progress& progress)
      : plan_(plan), ledger_(ledger), progress_(progress), forecast_(plan.sampling) {}

  /// The groups that the run is about to go through, one after the other.
  void announce(const std::vector<Group>& groups);
  /// The group at that place is next; of its cases `chosen` will be run.
  void begin_group(const std::vector<Group>& groups, std::size_t place, const Group& chosen);
  /// What was announced for the group and turned out not to be needed comes off the bar.
  void end_group();
  /// All that is left: the weights of these cases, so many inputs with them.
  void announce_weights(const std::vector<Case>& cases, int inputs);

  /// A piece of work was done; it took so many seconds if it was ok.
  void done(JobKind kind, const Case& point, std::optional<double> seconds);
  /// The rounds of a case are over.
  void rounds_over(const RoundsSoFar& so_far) { forecast_.learn_rounds(so_far); }

  /// Pieces of work that a group still needs, its inputs among them.
  int pieces(const Group& group) const;

 private:
  int pieces(const Case& point) const;
  double seconds(const Case& point) const;
  double seconds(const Group& group) const;
  double seconds_of_inputs(const Group& group) const;

  const Plan& plan_;
  const Ledger& ledger_;
  Progress& progress_;
  Forecast forecast_;
  std::vector<int> announced_;  // pieces of each group
  Group in_hand_;               // the cases at work
  int pieces_in_hand_ = 0;      // announced for them and not done yet
  double seconds_later_ = 0;    // forecast for what comes after them
};

}  // namespace attnbench
