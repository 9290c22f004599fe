// run: verify and measure a plan, store it, report it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "harness/commands/commands.h"
#include "harness/commands/plan_options.h"
#include "harness/commands/plan_text.h"
#include "harness/commands/python_tool.h"
#include "harness/commands/records.h"
#include "harness/paths.h"
#include "harness/planning/plan_builder.h"
#include "harness/run/orchestrator.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

struct Options {
  PlanOptions plan;
  std::string out, resume;
  bool no_report = false;
  bool dry_run = false;
  bool quiet = false;
};

// "results/20260301T120000Z_default"
std::string fresh_directory(const std::string& plan_name) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
  const auto name = std::string("results/") + stamp + "_" + plan_name;
  auto directory = name;
  for (int i = 2; std::filesystem::exists(directory); ++i) directory = name + "-" + std::to_string(i);
  return directory;
}

// The plan that a stored run was made from.
Plan stored_plan(const std::string& directory) {
  std::ifstream file(directory + "/run.json");
  if (!file) throw UserError("cannot resume '" + directory + "': it holds no run.json; give the folder of an earlier run");
  const auto run = Json::parse(file, nullptr, false);
  const auto plan = run.is_object() ? run.value("plan", Json::object()) : Json();
  if (!plan.is_object() || !plan.contains("toml") || !plan["toml"].is_string())
    throw UserError("cannot resume '" + directory + "': its run.json holds no plan; start a new run");
  return build_plan(parse_plan(plan["toml"].get<std::string>(), directory + "/run.json"));
}

Plan plan_of(const Options& options) {
  if (options.resume.empty()) return build_plan(plan_spec(options.plan));
  if (options.plan.any()) throw UserError("--resume takes the plan from its folder; leave out the options that choose one");
  return stored_plan(options.resume);
}

// The report prints a table of its own; without one the times are shown here.
void print_outcome(const std::string& directory, bool reported) {
  if (!reported) std::cout << summary_text(directory) << "\n";
  std::cout << "records: " << directory << "/records.jsonl" << std::endl;
}

int run(const Options& options, const CommandLine& line) {
  const auto plan = plan_of(options);
  if (options.dry_run) {
    std::cout << plan_text(plan);
    return 0;
  }
  const bool resume = !options.resume.empty();
  const auto directory = resume ? options.resume : options.out.empty() ? fresh_directory(plan.name) : options.out;
  RunOptions run_options{
      .directory = directory, .resume = resume, .verify_only = false, .command = line.arguments, .self = self_path()};
  const auto outcome = run_plan(plan, run_options);
  if (outcome.interrupted) return outcome.exit_code();
  const bool reported = !options.no_report && make_report({directory}, directory + "/report") == 0;
  if (!options.quiet) print_outcome(directory, reported);
  return outcome.exit_code();
}

}  // namespace

void add_run(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("run", "Verify and measure, store every record, and make the report.");
  add_plan_options(*command, options->plan);
  const auto output = [&](CLI::Option* option) { return option->group("Where results go"); };
  auto* out =
      output(command->add_option("--out", options->out, "folder of this run; default: results/<time>_<plan>")->type_name("DIR"));
  output(command->add_option("--resume", options->resume, "carry on an interrupted run in its folder")->type_name("DIR"))
      ->excludes(out);
  output(command->add_flag("--no-report", options->no_report, "store the records only; `attnbench report` makes the report later"));
  output(command->add_flag("--dry-run", options->dry_run, "show the plan and run nothing"));
  output(command->add_flag("-q,--quiet", options->quiet, "do not print the summary table"));
  command->footer(R"(Examples:
  attnbench run                                  the default plan
  attnbench run --plan bert-base --threads 1,2
  attnbench run --variants naive,blockwise,linear -a n=256:16384:x2 --dataset text
  attnbench run --problem 'b1 h8 n1024 d64 f32 causal' --variants blockwise
  attnbench run --resume results/20260301T120000Z_default

)" + plan_syntax_help());
  command->callback([options, &line] { line.exit_code = run(*options, line); });
}

}  // namespace attnbench
