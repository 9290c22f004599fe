// verify: is every case right? Nothing is timed.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "harness/commands/commands.h"
#include "harness/commands/plan_options.h"
#include "harness/commands/plan_text.h"
#include "harness/commands/records.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_builder.h"
#include "harness/run/orchestrator.h"
#include "harness/run/record.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "harness/support/paths.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

struct Options {
  PlanOptions plan;
  std::string out;
  bool json = false;
};

// The verify record of every case, in the order of the plan; an interrupted run has fewer.
std::vector<Json> in_plan_order(const Plan& plan, const std::vector<Json>& records) {
  std::map<std::string, const Json*> by_key;
  for (const auto& record : records) by_key[record.at("key")] = &record;
  std::vector<Json> ordered;
  for (const auto* bench_case : plan.cases())
    if (const auto found = by_key.find(record_key(*bench_case, JobKind::verify)); found != by_key.end())
      ordered.push_back(*found->second);
  return ordered;
}

int verify(const Options& options, const CommandLine& line) {
  const auto plan = build_plan(plan_spec(options.plan));
  std::cerr << notes_text(plan);
  std::optional<ScratchFolder> scratch;
  if (options.out.empty()) scratch.emplace("attnbench-verify");
  const auto directory = scratch ? *scratch / "run" : options.out;
  const auto outcome = run_plan(
      plan, {.directory = directory, .resume = false, .verify_only = true, .command = line.arguments, .self = self_path()});
  const auto records = in_plan_order(plan, read_records(directory, "verify"));
  if (options.json) std::cout << Json(records).dump(2) << "\n";
  else
    std::cout << verification_text(records) << outcome.ok << " ok, " << outcome.skipped << " not run, " << outcome.failed
              << " failed\n";
  return outcome.exit_code();
}

}  // namespace

void add_verify(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("verify", "Compare every case with its float64 oracle; time nothing.");
  add_plan_options(*command, options->plan);
  command->add_option("--out", options->out, "keep the records in this folder; default: print only")
      ->type_name("DIR")
      ->group("Where results go");
  command->add_flag("--json", options->json, "print the records as a JSON array");
  command->footer(R"(Examples:
  attnbench verify                               every variant at every size of the default plan
  attnbench verify --variants blockwise -a n=1,17,113 -a causal=none,top-left --dataset gaussian

REL RMS and MAX ABS are the distance to a float64 oracle of the same mathematics; they decide. APPROXIMATION is the relative RMS
distance to exact softmax attention; it is only information.

)" + plan_syntax_help());
  command->callback([options, &line] { line.exit_code = verify(*options, line); });
}

}  // namespace attnbench
