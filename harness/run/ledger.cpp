#include "harness/run/ledger.h"

#include "harness/planning/plan.h"
#include "harness/run/record.h"

namespace attnbench {
namespace {

bool is_refusal(const StoredRecord& record) {
  return record.status == name_of(Status::skipped) || record.status == name_of(Status::unsupported);
}

}  // namespace

const StoredRecord* Ledger::find(const Case& point, JobKind kind, int round) const {
  return store_.find(record_key(point, kind, round));
}

RoundsSoFar Ledger::rounds_of(const Case& point) const {
  RoundsSoFar so_far;
  while (const auto* record = find(point, JobKind::time, so_far.rounds)) {
    ++so_far.rounds;
    so_far.seconds += record->wall_s;
    if (is_ok(record)) so_far.medians.push_back(record->median_s);
    else so_far.failed = true;
  }
  return so_far;
}

std::string Ledger::verified_output(const Case& point) const {
  const auto* record = find(point, JobKind::verify);
  return record ? record->output_digest : std::string();
}

bool Ledger::reverify_due(const Case& point) const {
  if (!verified(point) || !other_binaries_.contains(find(point, JobKind::verify)->session)) return false;
  return next_round(point) || memory_due(point);
}

std::optional<int> Ledger::next_round(const Case& point) const {
  if (verify_only_ || !verified(point)) return {};
  const auto so_far = rounds_of(point);
  if (!another_round_due(so_far, plan_.sampling)) return {};
  return so_far.rounds;
}

bool Ledger::memory_due(const Case& point) const {
  return !verify_only_ && verified(point) && !rounds_of(point).failed && !find(point, JobKind::memory);
}

RunOutcome Ledger::outcome() const {
  RunOutcome outcome;
  for (const auto& point : plan_.cases) {
    const auto* verify = find(point, JobKind::verify);
    if (!verify) continue;  // the run was interrupted before it
    const auto* memory = find(point, JobKind::memory);
    const bool all_ok = is_ok(verify) && !rounds_of(point).failed && (!memory || is_ok(memory));
    if (is_refusal(*verify)) ++outcome.skipped;
    else if (all_ok) ++outcome.ok;
    else ++outcome.failed;
  }
  return outcome;
}

}  // namespace attnbench
