#include "harness/run/outlook.h"

#include <algorithm>

namespace attnbench {

void Outlook::announce(const std::vector<Group>& groups) {
  for (const auto& group : groups) progress_.add(announced_.emplace_back(pieces(group)));
}

void Outlook::begin_group(const std::vector<Group>& groups, std::size_t place, const Group& chosen) {
  in_hand_ = chosen;
  pieces_in_hand_ = pieces(chosen);
  progress_.add(pieces_in_hand_ - announced_[place]);
  seconds_later_ = 0;
  for (auto later = place + 1; later < groups.size(); ++later)
    seconds_later_ += seconds(groups[later]) + seconds_of_inputs(groups[later]);
  progress_.set_left(seconds_later_ + seconds(in_hand_) + seconds_of_inputs(in_hand_));
}

void Outlook::end_group() {
  progress_.add(-pieces_in_hand_);
  in_hand_.clear();
  pieces_in_hand_ = 0;
}

void Outlook::announce_weights(const std::vector<Case>& cases, int inputs) {
  progress_.add(inputs + static_cast<int>(cases.size()));
  seconds_later_ = 0;
  for (const auto& point : cases) seconds_later_ += forecast_.seconds(JobKind::weights, point);
}

void Outlook::done(JobKind kind, const Case& point, std::optional<double> seconds_taken) {
  if (kind == JobKind::weights) seconds_later_ = std::max(0.0, seconds_later_ - forecast_.seconds(kind, point));
  if (seconds_taken) forecast_.learn(kind, point, *seconds_taken);
  --pieces_in_hand_;
  progress_.set_left(seconds_later_ + seconds(in_hand_));
  progress_.finish();
}

int Outlook::pieces(const Case& point) const {
  const bool fresh = ledger_.verify_due(point);
  if (ledger_.verify_only()) return fresh ? 1 : 0;
  const auto next = fresh ? 0 : ledger_.next_round(point);
  const int rounds = next ? plan_.sampling.rounds - *next : 0;
  return (fresh ? 1 : 0) + rounds + (fresh || ledger_.memory_due(point) ? 1 : 0);
}

int Outlook::pieces(const Group& group) const {
  int sum = 0;
  for (const auto* point : group)
    if (point->status == CaseStatus::planned) sum += pieces(*point);
  return sum > 0 ? sum + 1 : 0;
}

double Outlook::seconds(const Case& point) const {
  const bool fresh = ledger_.verify_due(point);
  const double verifying = fresh ? forecast_.seconds(JobKind::verify, point) : 0;
  if (ledger_.verify_only()) return verifying;
  const bool timing = fresh || ledger_.next_round(point);
  return verifying + (timing ? forecast_.seconds_of_rounds(point, ledger_.rounds_of(point)) : 0) +
         (fresh || ledger_.memory_due(point) ? forecast_.seconds(JobKind::memory, point) : 0);
}

double Outlook::seconds(const Group& group) const {
  double sum = 0;
  for (const auto* point : group)
    if (point->status == CaseStatus::planned) sum += seconds(*point);
  return sum;
}

double Outlook::seconds_of_inputs(const Group& group) const {
  return pieces(group) > 0 ? forecast_.seconds(JobKind::inputs, *group.front()) : 0;
}

}  // namespace attnbench
