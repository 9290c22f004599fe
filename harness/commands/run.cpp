// run: verify and measure a plan, store it, report it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>

#include "harness/commands/browser.h"
#include "harness/commands/commands.h"
#include "harness/commands/plan_options.h"
#include "harness/commands/plan_text.h"
#include "harness/commands/python_tool.h"
#include "harness/commands/records.h"
#include "harness/commands/run_folders.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_builder.h"
#include "harness/planning/shard.h"
#include "harness/run/calibration_file.h"
#include "harness/run/orchestrator.h"
#include "harness/run/store.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "harness/support/paths.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

struct Options {
  PlanOptions plan;
  std::string out, resume, shard, baseline, fail_on;
  bool allow_mixed = false;
  bool no_calibrate = false;
  bool no_report = false;
  bool dry_run = false;
  bool quiet = false;
  bool open = false;
};

// "results/20260301T120000Z_default", of a shard "results/20260301T120000Z_default-2of8"
std::string fresh_directory(const Plan& plan) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
  const auto part =
      plan.shard.count > 1 ? "-" + std::to_string(plan.shard.index) + "of" + std::to_string(plan.shard.count) : std::string();
  const auto name = std::string(kResults) + "/" + stamp + "_" + plan.name + part;
  auto directory = name;
  for (int i = 2; std::filesystem::exists(directory); ++i) directory = name + "-" + std::to_string(i);
  return directory;
}

// run.json of the run to carry on.
Json stored_run(const std::string& directory) {
  const auto path = directory + "/run.json";
  return parse_run(read_file(path), path);
}

// The plan that a stored run was made from, or its part of it.
Plan stored_plan(const std::string& directory, const Options& options) {
  const auto run = stored_run(directory);
  const auto plan = run.value("plan", Json()), shard = run.value("shard", Json());
  const bool whole = shard.is_null();
  const bool readable = plan.is_object() && plan.value("toml", Json()).is_string() &&
                        (whole || (shard.is_object() && shard.value("index", Json()).is_number_integer() &&
                                   shard.value("count", Json()).is_number_integer()));
  if (!readable) throw UserError("cannot resume '" + directory + "': its run.json holds no plan; start a new run");
  const auto origin = directory + "/run.json";
  auto spec = parse_plan(plan["toml"].get<std::string>(), origin);
  spec.trust_plugins = options.plan.plugins.trust;
  load_stored(options.plan.plugins, spec.plugins, run, origin, options.allow_mixed);
  const auto resolved = build_plan(spec);
  if (whole) return resolved;
  return shard_of(resolved, parse_shard(shard["index"].dump() + "/" + shard["count"].dump()));
}

void require_consistent(const Options& options) {
  if (options.allow_mixed && options.resume.empty())
    throw UserError("--allow-mixed is for carrying on a run with another binary or machine; give its folder with --resume");
  if (!options.resume.empty() && (options.plan.any() || !options.shard.empty()))
    throw UserError("--resume takes the plan from its folder; leave out the options that choose one");
}

Plan plan_of(const Options& options) {
  if (!options.resume.empty()) return stored_plan(options.resume, options);
  const auto plan = build_plan(plan_spec(options.plan), load_cost_model(cost_model_of_this_machine()));
  return options.shard.empty() ? plan : shard_of(plan, parse_shard(options.shard));
}

// The report prints a table of its own; without one the times are shown here.
void print_outcome(const std::string& directory, bool reported) {
  if (!reported) std::cout << summary_text(directory) << "\n";
  std::cout << "records: " << directory << "/records.jsonl" << std::endl;
}

// Makes the report of a finished run. Returns its exit code, 0 when none is wanted.
int report(const std::string& directory, const Options& options) {
  if (options.no_report) return 0;
  const auto out = directory + "/report";
  const int code =
      make_report({directory}, {.out = out, .baseline = options.baseline, .fail_on = options.fail_on, .quiet = options.quiet});
  if (options.open && is_made(code)) open_in_browser(out + "/report.html");
  return code;
}

int run(const Options& options, const CommandLine& line) {
  const auto plan = plan_of(options);
  std::cerr << notes_text(plan);
  if (options.dry_run) {
    std::cout << plan_text(plan);
    return 0;
  }
  const bool resume = !options.resume.empty();
  const auto directory = resume ? options.resume : options.out.empty() ? fresh_directory(plan) : options.out;
  RunOptions run_options{.directory = directory,
                         .resume = resume,
                         .allow_mixed = options.allow_mixed,
                         .verify_only = false,
                         .command = line.arguments,
                         .self = self_path(),
                         .cost_model_file = cost_model_of_this_machine(),
                         .calibrate = [&](const std::function<bool()>& keep_going) {
                           return usable_calibration(self_path(), options.no_calibrate ? WhenStale::leave_out : WhenStale::measure,
                                                     keep_going);
                         }};
  const auto outcome = run_plan(plan, run_options);
  if (outcome.calibration_refuted) discard_calibration();
  if (outcome.interrupted) return outcome.exit_code();
  const int reported = report(directory, options);
  if (!options.quiet) print_outcome(directory, !options.no_report && is_made(reported));
  return outcome.exit_code() == 0 && !options.fail_on.empty() ? reported : outcome.exit_code();
}

}  // namespace

void add_run(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("run", "Verify and measure, store every record, and make the report.");
  add_plan_options(*command, options->plan);
  const auto output = [&](CLI::Option* option) { return option->group("Where results go"); };
  auto* out =
      output(command->add_option("--out", options->out, "folder of this run; default: results/<time>_<plan>")->type_name("DIR"));
  output(command->add_option("--resume", options->resume, "carry on an interrupted run in its folder; @last is the newest")
             ->type_name("DIR"))
      ->excludes(out);
  output(command->add_flag("--allow-mixed", options->allow_mixed,
                           "resume although the binary or the machine is another one; the report says so"));
  output(command
             ->add_option("--shard", options->shard,
                          "run one of N parts, split by shape and balanced by predicted time; `attnbench merge` joins them")
             ->type_name("I/N"));
  auto* no_report = output(
      command->add_flag("--no-report", options->no_report, "store the records only; `attnbench report` makes the report later"));
  output(command->add_option("--baseline", options->baseline, kBaselineHelp))->type_name("NAME")->excludes(no_report);
  output(command->add_option("--fail-on", options->fail_on, kFailOnHelp))
      ->check(CLI::IsMember({"complexity"}))
      ->type_name("complexity")
      ->excludes(no_report);
  output(command->add_flag("--no-calibrate", options->no_calibrate,
                           "do not measure the machine's ceilings first when none are kept (see `attnbench calibrate`)"));
  output(command->add_flag("--dry-run", options->dry_run, "show the plan and run nothing"));
  output(command->add_flag("-q,--quiet", options->quiet, "do not print the summary table"));
  output(command->add_flag("--open", options->open, kOpenHelp))->excludes(no_report);
  command->footer(R"(Examples:
  attnbench run                                  the default plan
  attnbench run --plan bert-base --threads 1,2
  attnbench run --variants naive,blockwise,linear -a n=256:16384:x2 --dataset text
  attnbench run --problem 'b1 h8 n1024 d64 f32 causal' --variants blockwise
  attnbench run --resume results/20260301T120000Z_default
  attnbench run --plan llama3-8b-prefill --shard 2/8 --out shard2

)" + plan_syntax_help());
  command->callback([options, &line] {
    require_consistent(*options);
    if (!options->resume.empty()) options->resume = run_folder(options->resume);
    line.exit_code = run(*options, line);
  });
}

}  // namespace attnbench
