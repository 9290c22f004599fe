// Plan: what a run will do, resolved before anything runs. Axes x variants x datasets become Cases; a combination that cannot run
// is a Case too, with the reasons why, so that nothing disappears silently.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/planning/sampling.h"
#include "harness/planning/shard.h"
#include "variants/api/problem.h"

namespace attnbench {

struct Case;
struct Group;
struct VariantConfig;

/// A dataset of the user's arrays: the problem that its file holds, and lines on how it is used.
struct FileDataset {
  std::string dataset;
  Problem holds;
  std::vector<std::string> notes;
};

struct Plan {
  std::string name = "custom";
  std::vector<Group> groups;  // no two of one workload
  std::vector<FileDataset> files;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> rows_seed;  // of the query rows that are verified; drawn when the run begins where it is not given
  Sampling sampling;
  double memory_budget_bytes = 0;          // cases predicted above it are skipped
  std::optional<double> max_call_seconds;  // and those whose one call is predicted to take longer
  bool weights = true;                     // also read off the attention matrices of a small problem for the heat maps
  std::string resolved_toml;               // the plan as a file that gives the same plan again
  Shard shard;
  std::size_t cases_elsewhere = 0;          // in the other shards
  std::set<std::string> weights_elsewhere;  // datasets whose attention matrices another shard draws

  // Defined where a Group is known, so that who only passes a plan on need not know it (case.h).
  Plan();
  Plan(const Plan&);
  Plan(Plan&&) noexcept;
  Plan& operator=(const Plan&);
  Plan& operator=(Plan&&) noexcept;
  ~Plan();

  /// The cases of all groups, in order.
  std::vector<const Case*> cases() const;
  std::vector<Case*> cases();
  /// Its datasets, and its variants with their parameters, each once, in order of first use.
  std::vector<std::string> datasets() const;
  std::vector<VariantConfig> configs() const;
  /// Names of the extra inputs that its variants read of a dataset.
  std::set<std::string> extra_inputs(const std::string& dataset) const;
  /// Of the case that takes most; at least 1.
  int most_threads() const;
};

}  // namespace attnbench
