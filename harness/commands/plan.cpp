// plan: what a run would do. Nothing is run.
#include "harness/planning/plan.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/commands/commands.h"
#include "harness/commands/plan_options.h"
#include "harness/commands/plan_text.h"
#include "harness/commands/table_options.h"
#include "harness/planning/plan_builder.h"
#include "harness/support/json.h"

namespace attnbench {
namespace {

struct Options {
  PlanOptions plan;
  bool json = false;
  bool toml = false;
  TableView view;
};

void show(const Options& options) {
  const auto plan = build_plan(plan_spec(options.plan), load_cost_model(cost_model_of_this_machine()));
  std::cerr << notes_text(plan);
  if (options.json) std::cout << plan_json(plan).dump(2) << "\n";
  else if (options.toml) std::cout << plan.resolved_toml;
  else std::cout << plan_text(plan, options.view);
}

}  // namespace

void add_plan(CLI::App& app, CommandLine&) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("plan", "Show what a run would do, how long it would take and how much memory; run nothing.");
  add_plan_options(*command, options->plan);
  auto* json = command->add_flag("--json", options->json, "print JSON");
  auto* toml = command->add_flag("--toml", options->toml, "print the resolved plan as a plan file");
  add_table_options(*command, options->view);
  for (auto* other : {json, toml}) exclude_table_options(*command, other);
  command->footer(R"(Examples:
  attnbench plan
  attnbench plan --plan bert-base --threads 1,2
  attnbench plan --variants naive,linear -a n=1k:64k:x2 -a causal=none,top-left
  attnbench plan --sort call:desc --filter 'call>100ms' --columns problem,variant,call

)" + plan_syntax_help());
  command->callback([options] { show(*options); });
}

}  // namespace attnbench
