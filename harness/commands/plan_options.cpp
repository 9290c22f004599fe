#include "harness/commands/plan_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "harness/measure/environment.h"
#include "harness/planning/axes.h"
#include "harness/planning/fields.h"
#include "harness/planning/fitted_model.h"
#include "harness/planning/sweep_datasets.h"
#include "harness/support/json.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

// One value per occurrence of the flag; the values do their own splitting.
void repeatable(CLI::App& command, const std::string& name, std::vector<std::string>& values, const char* type, const char* help) {
  command.add_option(name, values, help)->type_name(type)->allow_extra_args(false)->group("What to run");
}

PlanSpec base_spec(const PlanOptions& options) {
  if (!options.plan.empty()) return load_plan(options.plan);
  if (options.problems.empty()) return load_plan("default");
  PlanSpec spec;
  spec.name = "problems";
  spec.sweeps.emplace_back();
  return spec;
}

// An axis over problem fields has no place beside problems that were given whole.
bool varies_problem(const Axis& axis) {
  for (const auto& name : axis.names)
    if (find_problem_field(name)) return true;
  return false;
}

// The sweep with the flags put in. Where a flag chooses a file of tensors, the sizes that the plan was written for yield to the
// file's; sizes that are given as flags stay.
std::vector<Sweep> overridden(Sweep sweep, const PlanOptions& options, const std::vector<Axis>& given) {
  if (!options.variants.empty()) sweep.variants = options.variants;
  if (!options.problems.empty()) sweep.problems = options.problems;
  std::vector<Axis> axes;
  for (const auto& text : sweep.axes) {
    auto axis = parse_axis(text);
    const bool dropped = (!options.problems.empty() && varies_problem(axis)) || (!options.datasets.empty() && axis.sets("dataset"));
    if (!dropped) axes.push_back(std::move(axis));
  }
  if (!options.datasets.empty()) {
    sweep.datasets.clear();
    for (const auto& list : options.datasets)
      for (auto& name : split_list(list)) sweep.datasets.push_back(std::move(name));
  }
  const bool chooses_dataset =
      !options.datasets.empty() || std::any_of(given.begin(), given.end(), [](const Axis& axis) { return axis.sets("dataset"); });
  std::vector<Sweep> sweeps;
  for (auto& piece : split_by_dataset(sweep, override_axes(axes, given))) {
    if (piece.file && chooses_dataset && options.problems.empty()) leave_sizes_to_file(piece, given);
    piece.sweep.axes.clear();
    for (const auto& axis : piece.axes) piece.sweep.axes.push_back(to_string(axis));
    sweeps.push_back(std::move(piece.sweep));
  }
  return sweeps;
}

void override_settings(PlanSpec& spec, const PlanOptions& options) {
  if (!options.profile.empty()) {
    spec.profile = parse_profile(options.profile);
    spec.rounds.reset();
    spec.samples.reset();
  }
  if (!options.cache.empty()) spec.cache = parse_cache_mode(options.cache);
  if (options.rounds) spec.rounds = options.rounds;
  if (options.samples) spec.samples = options.samples;
  if (options.seed) spec.seed = *options.seed, spec.rows_seed = options.seed;
  if (options.rows_seed) spec.rows_seed = options.rows_seed;
  if (options.max_call_seconds) spec.max_call_seconds = options.max_call_seconds;
  if (options.no_weights) spec.weights = false;
  if (options.memory_budget.empty()) return;
  spec.memory_budget = parse_bytes(options.memory_budget);
  if (!spec.memory_budget)
    throw UserError("memory budget '" + options.memory_budget + "' is not a size; for example --memory-budget 4g");
}

}  // namespace

bool PlanOptions::any() const {
  return !plan.empty() || !axes.empty() || !problems.empty() || !variants.empty() || !datasets.empty() || !threads.empty() ||
         !profile.empty() || !cache.empty() || !memory_budget.empty() || rounds || samples || seed || rows_seed ||
         max_call_seconds || no_weights;
}

void add_plan_options(CLI::App& command, PlanOptions& options) {
  add_plugin_option(command, options.plugins);
  add_trust_option(command, options.plugins);
  for (const char* name : {"--plugin", "--trust-plugins"}) command.get_option(name)->group("What to run");
  command.add_option("--plan", options.plan, "a shipped plan (see `attnbench list plans`) or a TOML file; default: default")
      ->type_name("NAME|FILE")
      ->group("What to run");
  repeatable(command, "--variants", options.variants, "LIST",
             "names, globs, family:NAME, plugin:NAME; default: what the plan says");
  repeatable(command, "-a,--axis", options.axes, "AXIS",
             "vary something: NAME=VALUES (see below); replaces the plan's axis of that name");
  repeatable(command, "--problem", options.problems, "PROBLEM",
             "run exactly this problem, written as reports write it: 'b1 h8 n1024 d64 f32 causal'");
  repeatable(command, "--dataset", options.datasets, "LIST", "where Q, K and V come from (see `attnbench list datasets`)");
  repeatable(command, "--threads", options.threads, "LIST", "thread counts, such as 1,2; default: all cores this process may use");
  const auto setting = [&command](const char* name, auto& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->type_name(type)->group("How to measure");
  };
  setting("--profile", options.profile, "PROFILE", "quick (6 rounds of 1 sample), standard (10 of 3) or rigorous (20 of 5)");
  setting("--rounds", options.rounds, "COUNT", "fresh processes per case")->check(CLI::Range(1, 10000));
  setting("--samples", options.samples, "COUNT", "samples per process")->check(CLI::Range(1, 10000));
  setting("--cache", options.cache, "MODE",
          "hot: every call on the same inputs (default); cold: calls take turns through inputs and outputs larger together than "
          "the last-level cache");
  setting("--seed", options.seed, "NUMBER", "seed of the inputs and of every random choice; default 1")
      ->check(CLI::Range(std::uint64_t{0}, static_cast<std::uint64_t>(INT64_MAX)));
  setting("--rows-seed", options.rows_seed, "NUMBER",
          "seed of the query rows that are verified where n > 1024; default: --seed where it is given, else drawn anew")
      ->check(CLI::Range(std::uint64_t{0}, static_cast<std::uint64_t>(INT64_MAX)));
  setting("--max-call-seconds", options.max_call_seconds, "SECONDS", "skip cases whose one call is predicted to take longer")
      ->check(CLI::Range(0.0, 1e7));
  setting("--memory-budget", options.memory_budget, "BYTES",
          "skip cases predicted to need more, such as 4g; default: 80 % of what is available");
  command.add_flag("--no-weights", options.no_weights, "do not read off attention matrices for heat maps")->group("How to measure");
}

PlanSpec plan_spec(const PlanOptions& options) {
  load(options.plugins);
  auto spec = base_spec(options);
  spec.trust_plugins = options.plugins.trust;
  for (const auto& file : options.plugins.files) spec.plugins.push_back(std::filesystem::absolute(file).string());
  std::vector<Axis> given;
  for (const auto& text : options.axes) given.push_back(parse_axis(text));
  if (!options.threads.empty()) given.push_back(parse_axis("threads=" + join(options.threads, ",")));
  std::vector<Sweep> sweeps;
  for (const auto& sweep : spec.sweeps)
    for (auto& one : overridden(sweep, options, given)) sweeps.push_back(std::move(one));
  spec.sweeps = std::move(sweeps);
  override_settings(spec, options);
  return spec;
}

std::string cost_model_of_this_machine() { return cost_model_path(machine_id(describe_environment(1))); }

std::string plan_syntax_help() {
  std::string text = R"(Axes:
  -a n=256:16384:x2               first:last:xFACTOR
  -a n=1k:16k:+1k                 first:last:+STEP; k is 1024, m is 1024 x 1024
  -a h=8,32:8 -a threads=1,2      lists; several axes make every combination
  -a '(nq,nk)=(1,4k),(16,4k)'     names that change together
Names of axes: threads, dataset, a placeholder of the dataset, a parameter of a selected variant (it goes to the variants that have
it), and
)";
  for (const auto& field : problem_fields()) text += fmt::format("  {:<8}{:<32}{}\n", field.name, field.values, field.help);
  return text + R"(`window` with a plain count is the parameter of variants that have one; LEFT:RIGHT is the problem's own window.

Your own tensors (docs/tensors.md):
  --dataset file:x.safetensors    batch, heads and d are the file's, and n without -a n=
  --dataset 'file:x.npz(q=NAME,k=NAME,v=NAME,mask=NAME,layout=bnhd)'
  --dataset 'file:x.safetensors(q=h.{layer}.q,k=h.{layer}.k,v=h.{layer}.v)' -a layer=0,5,11
                                  a dataset for each layer; without -a layer= for all there are

Variants:
  --variants naive,blockwise,linear
  --variants '*_product,family:sparse'
  --variants 'sliding_window(window=256),naive')";
}

}  // namespace attnbench
