// The options that choose what to run, shared by plan, run and verify: a plan, and flags that override parts of it.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/commands/plugin_options.h"
#include "harness/planning/plan_file.h"

namespace attnbench {

struct PlanOptions {
  std::string plan;
  std::vector<std::string> axes, problems, variants, datasets, threads;
  std::string profile, cache, memory_budget;
  std::optional<int> rounds, samples;
  std::optional<std::uint64_t> seed, rows_seed;
  std::optional<double> max_call_seconds;
  bool no_weights = false;
  PluginOptions plugins;  // not part of any(): a resumed run may name them again

  /// Whether any of them was given.
  bool any() const;
};

/// Declares the options on a command.
void add_plan_options(CLI::App& command, PlanOptions& options);

/// Loads the plugins and gives the plan they all describe, not yet resolved. Without --plan: the default plan, or exactly the
/// --problem ones where there are any. Throws UserError.
PlanSpec plan_spec(const PlanOptions& options);

/// File with what runs on this machine have learned about its speed (planning/fitted_model.h).
std::string cost_model_of_this_machine();

/// Help on the syntax of axes and variants, printed below the options.
std::string plan_syntax_help();

}  // namespace attnbench
