// Ledger: what the store says about a plan: which work is due, and how the cases came out. A resumed run asks the same questions of
// the same records as one that never stopped, so it goes on where that would have.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "harness/protocol/job.h"
#include "harness/run/orchestrator.h"
#include "harness/run/stop_rule.h"
#include "harness/run/store.h"

namespace attnbench {

struct Case;
struct Plan;

class Ledger {
 public:
  /// `other_binaries`: the sessions whose verdicts are not this binary's (run_file.h).
  Ledger(const Plan& plan, const Store& store, bool verify_only, std::set<int> other_binaries = {})
      : plan_(plan), store_(store), verify_only_(verify_only), other_binaries_(std::move(other_binaries)) {}

  bool verify_due(const Case& bench_case) const { return !find(bench_case, JobKind::verify); }
  bool verified(const Case& bench_case) const { return is_ok(find(bench_case, JobKind::verify)); }
  /// Whether work is due on a case that another binary found right, not this one.
  bool reverify_due(const Case& bench_case) const;
  /// Number of the round to time next; empty when none is due (stop_rule.h).
  std::optional<int> next_round(const Case& bench_case) const;
  /// After the rounds, unless one of them failed.
  bool memory_due(const Case& bench_case) const;
  bool weights_due(const Case& bench_case) const { return !verify_only_ && !find(bench_case, JobKind::weights); }
  bool verify_only() const { return verify_only_; }
  bool work_due(const Case& bench_case) const { return verify_due(bench_case) || next_round(bench_case) || memory_due(bench_case); }

  RoundsSoFar rounds_of(const Case& bench_case) const;
  /// Digest of the output that was verified; empty where no record holds it.
  std::string verified_output(const Case& bench_case) const;
  /// Cases by how they came out. A case with a record that is neither ok nor a refusal has failed.
  RunOutcome outcome() const;

 private:
  const StoredRecord* find(const Case& bench_case, JobKind kind, int round = 0) const;
  static bool is_ok(const StoredRecord* record) { return record && record->status == name_of(Status::ok); }

  const Plan& plan_;
  const Store& store_;
  bool verify_only_;
  std::set<int> other_binaries_;
};

}  // namespace attnbench
