#include "harness/run/ledger.h"

#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/run/record.h"

namespace attnbench {
namespace {

bool is_refusal(const StoredRecord& record) {
  return record.status == name_of(Status::skipped) || record.status == name_of(Status::unsupported);
}

}  // namespace

const StoredRecord* Ledger::find(const Case& bench_case, JobKind kind, int round) const {
  return store_.find(record_key(bench_case, kind, round));
}

RoundsSoFar Ledger::rounds_of(const Case& bench_case) const {
  RoundsSoFar so_far;
  while (const auto* record = find(bench_case, JobKind::time, so_far.rounds)) {
    ++so_far.rounds;
    so_far.seconds += record->wall_s;
    if (is_ok(record)) so_far.medians.push_back(record->median_s);
    else so_far.failed = true;
  }
  return so_far;
}

std::string Ledger::verified_output(const Case& bench_case) const {
  const auto* record = find(bench_case, JobKind::verify);
  return record ? record->output_digest : std::string();
}

bool Ledger::reverify_due(const Case& bench_case) const {
  if (!verified(bench_case) || !other_binaries_.contains(find(bench_case, JobKind::verify)->session)) return false;
  return next_round(bench_case) || memory_due(bench_case);
}

std::optional<int> Ledger::next_round(const Case& bench_case) const {
  if (verify_only_ || !verified(bench_case)) return {};
  const auto so_far = rounds_of(bench_case);
  if (!another_round_due(so_far, plan_.sampling)) return {};
  return so_far.rounds;
}

bool Ledger::memory_due(const Case& bench_case) const {
  return !verify_only_ && verified(bench_case) && !rounds_of(bench_case).failed && !find(bench_case, JobKind::memory);
}

RunOutcome Ledger::outcome() const {
  RunOutcome outcome;
  for (const auto* bench_case : plan_.cases()) {
    const auto* verify = find(*bench_case, JobKind::verify);
    if (!verify) continue;  // the run was interrupted before it
    const auto* memory = find(*bench_case, JobKind::memory);
    const bool all_ok = is_ok(verify) && !rounds_of(*bench_case).failed && (!memory || is_ok(memory));
    if (is_refusal(*verify)) ++outcome.skipped;
    else if (all_ok) ++outcome.ok;
    else ++outcome.failed;
  }
  return outcome;
}

}  // namespace attnbench
