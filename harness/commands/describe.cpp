// describe: one variant, dataset or plan on a page.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "datasets/dataset.h"
#include "harness/commands/commands.h"
#include "harness/commands/descriptor.h"
#include "harness/commands/plugin_options.h"
#include "harness/commands/table.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan_file.h"
#include "harness/planning/selection.h"
#include "harness/plugins/catalogue.h"
#include "harness/support/available_memory.h"
#include "harness/support/json.h"
#include "harness/support/text.h"
#include "harness/support/units.h"
#include "variants/api/error.h"
#include "variants/api/registry.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench describe blockwise
  attnbench describe 'sliding_window(window=64)' --problem 'b1 h8 n4096 d64 f32 causal'
  attnbench describe gpt2-prefill            a shipped plan: its cases are shown by `attnbench plan`)";

struct Options {
  std::string name;
  std::string problem;
  bool json = false;
  PluginOptions plugins;
};

// Each line two columns in, ended.
std::string indented(std::string_view lines) {
  std::string text = "  ";
  for (const char c : lines) text += c == '\n' ? std::string("\n  ") : std::string(1, c);
  return text + "\n";
}

std::string params_text(const Variant& variant) {
  if (variant.params.empty()) return "Parameters: none\n";
  Table table({{"PARAMETER"}, {"DEFAULT (RANGE)"}, {"MEANING"}});
  for (const auto& spec : variant.params) table.add({spec.name, default_text(spec), spec.help});
  return table.text();
}

std::string extras_text(const VariantConfig& config, const Problem& problem) {
  const auto extras = config.extras(problem);
  if (extras.empty()) return "";
  std::string text = fmt::format("\nExtra inputs at {}, as [b, h, n, d]:\n", to_string(problem));
  for (const auto& spec : extras)
    text += fmt::format("  {} {}, {}: {}\n", spec.name, shape_text(spec.shape), to_string(spec.fill), spec.help);
  return text;
}

std::string crossover_text(const VariantConfig& config, const Problem& problem) {
  const auto* blockwise = find_variant("blockwise");
  if (config.variant == blockwise || problem.n_q != problem.n_k || !problem.key_lengths.empty()) return "";
  const auto n = fewer_multiply_adds_from(config, {blockwise, Params(blockwise->params)}, problem);
  return n ? fmt::format("                 fewer than blockwise from n = {} on\n", *n) : "";
}

std::string cost_text(const VariantConfig& config, const Problem& problem) {
  const auto reasons = unsupported_reasons(*config.variant, problem, config.params);
  if (!reasons.empty()) return fmt::format("Cost at {}: it cannot run this problem: {}\n", to_string(problem), join(reasons, "; "));
  const auto cost = config.variant->cost(problem, config.params);
  const auto workspace = static_cast<double>(declared_workspace(*config.variant, problem, config.params, 1));
  std::string text = fmt::format("Cost at {}, one thread:\n", to_string(problem));
  text += fmt::format("  multiply-adds  {} ({:.3g} of dense)\n", count_text(cost.multiply_adds),
                      2 * cost.multiply_adds / dense_flops(problem));
  text += crossover_text(config, problem);
  text += fmt::format("  exps           {}\n", count_text(cost.exps));
  text += fmt::format("  bytes moved    {}\n", bytes_text(cost.bytes));
  text += fmt::format("  pairs scored   {}\n", count_text(cost.pairs));
  text += fmt::format("  depth          {} (steps that wait for one another)\n", count_text(cost.depth));
  return text + fmt::format("  workspace      {}\n", bytes_text(workspace));
}

std::string variant_text(const VariantConfig& config, const Problem& problem) {
  const auto& v = *config.variant;
  const auto list = [](const std::vector<std::string>& words) { return words.empty() ? std::string("none") : join(words, ", "); };
  std::string text = fmt::format("{}: {}\n\n", config.label(), v.summary);
  if (v.equation) text += indented(v.equation) + "\n";
  text += fmt::format("Family         {}\n", v.family);
  text += fmt::format("Paper          {}\n", v.paper);
  if (const auto* plugin = plugin_of(v))
    text += fmt::format("From           {} (plugin {} {}, {})\n", plugin->file, plugin->name, plugin->version, plugin->hash);
  text += fmt::format("Computes       {} ({})\n", meaning_of(v.computes), name_of(v.computes));
  text += fmt::format("Time           {}\n", v.time_label);
  text += fmt::format("Extra memory   {}\n", v.memory_label);
  text += fmt::format("Supports       {}\n", list(feature_names(v.supports)));
  text += fmt::format("Cannot do      {}\n", list(feature_names(kAllFeatures & ~v.supports)));
  if (v.needs) text += fmt::format("Needs          {}\n", list(feature_names(v.needs)));
  text += fmt::format("Laws           {}\n\n", list(law_names(v.laws)));
  return text + params_text(v) + extras_text(config, problem) + "\n" + cost_text(config, problem);
}

std::string plan_text(const std::string& name) {
  const auto spec = load_plan(name);
  return fmt::format("plan {}: {}\n\n{}", spec.name, spec.summary, to_toml(spec));
}

const DatasetInfo* find_dataset(const std::string& name) {
  for (const auto& dataset : dataset_catalogue())
    if (name == dataset.name) return &dataset;
  return nullptr;
}

[[noreturn]] void reject_name(const std::string& name) {
  auto known = shipped_plans();
  for (const auto* v : known_variants()) known.emplace_back(v->name);
  for (const auto& d : dataset_catalogue()) known.emplace_back(d.name);
  throw UserError("no variant, dataset or plan is called '" + name + "'" + suggestion(name, known));
}

void describe(const Options& options) {
  load(options.plugins);
  const auto plain = options.name.substr(0, options.name.find('('));
  if (find_known_variant(plain)) {
    const auto selection = parse_selection({&options.name, 1}, known_variants());
    if (selection.size() > 1) throw UserError("describe takes one variant, not '" + options.name + "'");
    const auto problem = options.problem.empty() ? example_problem(*selection[0].variant) : parse_problem(options.problem);
    if (options.json) std::cout << descriptor_json(*selection[0].variant).dump(2) << "\n";
    else std::cout << variant_text(selection[0], problem);
    return;
  }
  if (options.json) throw UserError("--json describes variants; '" + options.name + "' is none");
  if (const auto* dataset = find_dataset(plain)) {
    std::cout << fmt::format("dataset {}: {}\n\nWritten {}\n", dataset->name, dataset->summary, dataset->syntax);
    return;
  }
  const auto plans = shipped_plans();
  if (std::find(plans.begin(), plans.end(), options.name) == plans.end()) reject_name(options.name);
  std::cout << plan_text(options.name);
}

}  // namespace

void add_describe(CLI::App& app, CommandLine&) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("describe", "Describe one variant: paper, cost, parameters, limits. Also a dataset or a plan.");
  command->add_option("NAME", options->name, "a variant, with parameters if you like, a dataset or a shipped plan")->required();
  command
      ->add_option("--problem", options->problem,
                   "problem to state the cost for (default 'b1 h8 n1024 d64 f32', causal where it must be)")
      ->type_name("PROBLEM");
  command->add_flag("--json", options->json, "print a variant as JSON");
  add_plugin_option(*command, options->plugins);
  command->footer(kFooter);
  command->callback([options] { describe(*options); });
}

}  // namespace attnbench
