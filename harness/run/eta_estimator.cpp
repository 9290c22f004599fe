#include "harness/run/eta_estimator.h"

#include <algorithm>

#include "harness/planning/case.h"
#include "harness/planning/plan.h"

namespace attnbench {

EtaEstimator::EtaEstimator(const Plan& plan, const Ledger& ledger, Progress& progress)
    : plan_(plan), ledger_(ledger), progress_(progress), forecast_(plan.sampling) {}

void EtaEstimator::announce(const std::vector<Cases>& groups, std::vector<bool> inputs_kept) {
  for (std::size_t i = 0; i < groups.size(); ++i) ahead_.push_back({.group = groups[i], .inputs_kept = inputs_kept[i]});
  refresh();
}

void EtaEstimator::refresh() {
  for (auto& ahead : ahead_) refresh(ahead);
  show_left();
}

// What was announced and turned out not to be needed comes off the bar.
void EtaEstimator::refresh(Ahead& ahead) {
  const int announced = ahead.pieces;
  ahead.pieces = 0;
  ahead.seconds = 0;
  for (const auto* bench_case : ahead.group) {
    if (bench_case->status != CaseStatus::planned) continue;
    ahead.pieces += pieces(*bench_case);
    ahead.seconds += seconds(*bench_case);
  }
  if (const int inputs = ahead.pieces > 0 ? inputs_left(ahead) : 0; inputs > 0) {
    ahead.pieces += inputs;
    ahead.seconds += inputs * forecast_.seconds(JobKind::inputs, *ahead.group.front());
  }
  progress_.add(ahead.pieces - announced);
}

void EtaEstimator::end_group() {
  if (in_hand_) refresh(ahead_[*in_hand_]);
  in_hand_.reset();
}

void EtaEstimator::announce_weights(const std::vector<Case>& cases, int inputs) {
  progress_.add(inputs + static_cast<int>(cases.size()));
  weights_seconds_ = 0;
  for (const auto& bench_case : cases) weights_seconds_ += forecast_.seconds(JobKind::weights, bench_case);
}

void EtaEstimator::done(JobKind kind, const Case& bench_case, std::optional<double> seconds_taken) {
  if (kind == JobKind::weights) weights_seconds_ = std::max(0.0, weights_seconds_ - forecast_.seconds(kind, bench_case));
  if (seconds_taken) forecast_.learn(kind, bench_case, *seconds_taken);
  if (in_hand_) {
    auto& ahead = ahead_[*in_hand_];
    ahead.inputs_made |= kind == JobKind::inputs;
    refresh(ahead);
    progress_.add(1);  // the piece that was done is counted as done, not as left out
  }
  show_left();
  progress_.finish();
}

void EtaEstimator::show_left() {
  double seconds = weights_seconds_;
  for (const auto& ahead : ahead_) seconds += ahead.seconds;
  progress_.set_left(seconds);
}

int EtaEstimator::rounds_left(const Case& bench_case) const {
  if (ledger_.verify_only()) return 0;
  if (ledger_.verify_due(bench_case)) return plan_.sampling.rounds;
  const auto next = ledger_.next_round(bench_case);
  return next ? plan_.sampling.rounds - *next : 0;
}

int EtaEstimator::pieces(const Case& bench_case) const {
  const bool fresh = ledger_.verify_due(bench_case);
  if (ledger_.verify_only()) return fresh ? 1 : 0;
  return (fresh ? 1 : 0) + rounds_left(bench_case) + (fresh || ledger_.memory_due(bench_case) ? 1 : 0);
}

double EtaEstimator::seconds(const Case& bench_case) const {
  const bool fresh = ledger_.verify_due(bench_case);
  const double verifying = fresh ? forecast_.seconds(JobKind::verify, bench_case) : 0;
  if (ledger_.verify_only()) return verifying;
  const bool timing = fresh || ledger_.next_round(bench_case);
  return verifying + (timing ? forecast_.seconds_of_rounds(bench_case, ledger_.rounds_of(bench_case)) : 0) +
         (fresh || ledger_.memory_due(bench_case) ? forecast_.seconds(JobKind::memory, bench_case) : 0);
}

int EtaEstimator::inputs_left(const Ahead& ahead) const {
  if (ahead.inputs_kept) return ahead.inputs_made ? 0 : 1;
  int rounds = 1;
  for (const auto* bench_case : ahead.group)
    if (bench_case->status == CaseStatus::planned) rounds = std::max(rounds, rounds_left(*bench_case));
  return rounds;
}

}  // namespace attnbench
