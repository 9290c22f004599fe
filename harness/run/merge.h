// Merge: joins the runs of a plan's shards into one run directory, as if one machine had measured them all; what stands in the way
// of comparing them is refused unless it is asked for.
#pragma once

#include <string>
#include <vector>

namespace attnbench {

struct MergeOptions {
  std::string out;                     // made; must be empty or not there
  std::vector<std::string> runs{};     // run directories
  bool partial = false;                // join what there is although shards, or cases of theirs, are missing
  bool allow_mixed = false;            // join although binaries or machines differ
  std::vector<std::string> command{};  // argv, stored in run.json
};

struct MergeOutcome {
  std::size_t records = 0;
  std::size_t cases = 0;
  std::vector<std::string> missing;  // one line each; empty unless `partial`
};

/// Writes `out` as a whole or not at all. Throws UserError: no run, another plan or seed than the first, a dataset of other
/// contents, a shard twice, missing or unfinished, another binary or machine, one key with two contents, `out` in use.
MergeOutcome merge_runs(const MergeOptions& options);

}  // namespace attnbench
