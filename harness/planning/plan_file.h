// Plan files: a sweep written down. A plan is a TOML file (harness/plans/ holds the shipped ones):
//
//   name = "heads"
//   summary = "the same model dimension cut into more and more heads"
//   variants = ["naive", "block*"]            as on the command line (harness/planning/selection.h)
//   datasets = ["text"]
//   problems = ["b1 h8 n1024 d64 f32"]        where every sweep starts (variants/api/problem.h)
//   axes = ["(h,d)=(1,512),(8,64)"]           what varies (harness/planning/axes.h)
//   profile = "quick"                         and more settings, see kSettings in plan_file.cpp
//
// A plan of several sweeps lists them as [[sweep]] tables with variants, datasets, problems and axes of their own; what a sweep
// leaves out it takes from the top of the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/planning/sampling.h"

namespace attnbench {

struct Sweep {
  std::vector<std::string> variants, datasets, problems, axes;
};

/// A plan before it is resolved: text, as written. Unset numbers take the defaults of the profile.
struct PlanSpec {
  std::string name = "custom";
  std::string summary;
  std::vector<std::string> plugins;  // files, or names of shipped ones ("external"); loaded before the variants are selected
  bool trust_plugins = false;        // load files that the user has not named too; not part of the file
  std::string origin = "the plan";   // what the text was read from; not part of the file
  Profile profile = Profile::quick;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> rows_seed;  // the seed where one is given, unless --rows-seed names another; not part of the file
  std::optional<int> rounds, samples;
  std::optional<double> min_sample_seconds, warmup_seconds, cap_seconds, timeout_seconds;
  CacheMode cache = CacheMode::hot;
  std::optional<double> max_call_seconds;  // a case whose one call is predicted to take longer is skipped
  std::optional<double> memory_budget;     // bytes; unset: a share of what the machine has available
  bool weights = true;
  std::vector<Sweep> sweeps;
};

/// Throws UserError: a TOML error with its line, an unknown key with the known ones, a value of the wrong type or out of range.
/// `origin` names the text in messages.
PlanSpec parse_plan(std::string_view toml, std::string_view origin);

/// The spec as a plan file that parses back to it.
std::string to_toml(const PlanSpec& spec);

/// Reads a TOML file (a name ending in .toml or holding a slash) or a shipped plan by its name. Throws UserError.
PlanSpec load_plan(const std::string& name_or_path);

/// Names of the shipped plans, sorted.
std::vector<std::string> shipped_plans();

Profile parse_profile(std::string_view name);
CacheMode parse_cache_mode(std::string_view name);
const char* name_of(Profile profile);

}  // namespace attnbench
