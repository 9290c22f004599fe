// compare: two stored runs, two variants of one run, or two builds measured alternately. The package attnbench_reports does it;
// this checks the call.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "harness/commands/commands.h"
#include "harness/commands/python_tool.h"
#include "harness/commands/run_folders.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench compare results/before results/after
  attnbench compare results/before results/after --format markdown > comment.md
  attnbench compare results/before results/after --fail-on regression=5%
  attnbench compare results/mine --variants naive blockwise    two variants of one run, paired by round
  attnbench compare old.json new.json                          files of Google Benchmark

Measured alternately, A B B A A B B A ...; what follows -- goes to `attnbench run` on both sides:
  attnbench compare --builds old/attnbench build/attnbench -- --variants naive,linear -a n=256:4k:x2
  attnbench compare --revisions main HEAD -- --plan smoke
  attnbench compare --paired './sort_a data' './sort_b data'   any commands: the whole process is timed

How to read the table: docs/compare.md. Exit codes: 0 ok; 1 a measured command failed; 2 usage, or sides that cannot be
compared; 3 what --fail-on asked for; 130 interrupted.)";

struct Options {
  std::vector<std::string> sides;
  std::vector<std::string> variants, paired, builds, revisions;
  std::string resume, out, format = "terminal", fail_on, noise_floor;
  std::optional<int> rounds;
  bool machines = false, inputs = false, errors = false;

  bool measures() const { return !paired.empty() || !builds.empty() || !revisions.empty() || !resume.empty(); }
};

// What follows --; the command line has not parsed it.
std::vector<std::string> options_for_run(const std::vector<std::string>& arguments) {
  const auto mark = std::find(arguments.begin(), arguments.end(), "--");
  return mark == arguments.end() ? std::vector<std::string>() : std::vector<std::string>(mark + 1, arguments.end());
}

void check(const Options& options, const std::vector<std::string>& for_run) {
  if (!for_run.empty() && options.builds.empty() && options.revisions.empty())
    throw UserError("what follows -- goes to `attnbench run` of --builds or --revisions; '" + for_run[0] + "' has no use here");
  if (options.measures()) {
    if (!options.sides.empty())
      throw UserError("'" + options.sides[0] + "' is a stored run, but this call measures; leave one out");
    return;
  }
  if (options.rounds) throw UserError("--rounds has no use for stored runs; it belongs to --builds, --revisions or --paired");
  if (options.sides.empty()) throw UserError("give BASE and NEW to compare (see attnbench compare --help)");
  for (const auto& side : options.sides)
    if (!std::filesystem::exists(side))
      throw UserError("'" + side + "' does not exist; give a run directory such as results/<run>");
}

std::vector<std::string> python_arguments(const Options& options, const std::vector<std::string>& for_run) {
  auto arguments = options.sides;
  const auto two = [&](const char* name, const std::vector<std::string>& values) {
    if (values.empty()) return;
    arguments.insert(arguments.end(), {name, values[0], values[1]});
  };
  const auto one = [&](const char* name, const std::string& value) {
    if (!value.empty()) arguments.push_back(std::string(name) + "=" + value);
  };
  two("--variants", options.variants);
  two("--paired", options.paired);
  two("--builds", options.builds);
  two("--revisions", options.revisions);
  one("--resume", options.resume);
  one("--out", options.out);
  one("--format", options.format);
  one("--fail-on", options.fail_on);
  one("--noise-floor", options.noise_floor);
  if (options.rounds) one("--rounds", std::to_string(*options.rounds));
  for (const auto& word : for_run) one("--run-option", word);
  if (options.machines) arguments.push_back("--allow-different-machines");
  if (options.inputs) arguments.push_back("--allow-different-inputs");
  if (options.errors) arguments.push_back("--allow-different-errors");
  return arguments;
}

// "5%" or "5"
std::string bad_percentage(const std::string& text) {
  const auto number = text.ends_with('%') ? text.substr(0, text.size() - 1) : text;
  const bool plain = !number.empty() && number.find_first_not_of("0123456789.") == std::string::npos;
  return plain && std::count(number.begin(), number.end(), '.') <= 1 && number != "."
             ? ""
             : "'" + text + "' is no percentage such as 5%";
}

std::string bad_finding(const std::string& text) {
  if (text == "regression") return "";
  const std::string start = "regression=";
  return text.starts_with(start) ? bad_percentage(text.substr(start.size()))
                                 : "'" + text + "' is not known; give regression or regression=5%";
}

void add_measuring_options(CLI::App& command, Options& options) {
  const auto two = [&](const char* name, std::vector<std::string>& values, const char* type, const char* help) {
    return command.add_option(name, values, help)->expected(2)->type_name(type)->group("Measured alternately");
  };
  auto* paired =
      two("--paired", options.paired, "A B", "two commands, each quoted; cases are compared if both are `attnbench run`");
  auto* builds = two("--builds", options.builds, "A B", "two attnbench binaries");
  auto* revisions = two("--revisions", options.revisions, "A B", "two commits of the repository around here, built in a cache");
  auto* resume = command.add_option("--resume", options.resume, "carry on an interrupted measurement in its folder")
                     ->type_name("DIR")
                     ->group("Measured alternately");
  command.add_option("--rounds", options.rounds, "rounds of each side; default: 10, or as many as the table needs")
      ->type_name("COUNT")
      ->check(CLI::Range(1, 10000))
      ->group("Measured alternately");
  paired->excludes(builds)->excludes(revisions)->excludes(resume);
  builds->excludes(revisions)->excludes(resume);
  revisions->excludes(resume);
}

void add_judging_options(CLI::App& command, Options& options) {
  const auto flag = [&](const char* name, bool& value, const char* help) {
    command.add_flag(name, value, help)->group("How to judge");
  };
  command.add_option("--fail-on", options.fail_on, "exit 3 when a row is SLOWER by more than that, or a case is lost")
      ->type_name("regression[=5%]")
      ->check(bad_finding, "", "finding")
      ->group("How to judge");
  command.add_option("--noise-floor", options.noise_floor, "call no change below this; default 1 %")
      ->type_name("PERCENT")
      ->check(bad_percentage, "", "percentage")
      ->group("How to judge");
  flag("--allow-different-machines", options.machines, "compare runs of different machines");
  flag("--allow-different-inputs", options.inputs, "compare runs with another seed or dataset");
  flag("--allow-different-errors", options.errors, "compare speeds where the approximation errors differ");
}

int compare(const Options& options, const std::vector<std::string>& arguments) {
  const auto for_run = options_for_run(arguments);
  check(options, for_run);
  return run_python_tool("comparison", "attnbench_reports.compare", python_arguments(options, for_run));
}

}  // namespace

void add_compare(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("compare", "Say what became FASTER or SLOWER between two runs, builds, commits or variants.");
  command->add_option("RUN", options->sides, "base and new: run directories or Google Benchmark files; or one paired measurement")
      ->expected(0, -1);
  command->add_option("--variants", options->variants, "two variants of one run")->expected(2)->type_name("A B");
  add_measuring_options(*command, *options);
  add_judging_options(*command, *options);
  command->add_option("--out", options->out, "folder for the comparison in every format; of a measurement, also its records")
      ->type_name("DIR");
  command->add_option("--format", options->format, "what to print: terminal (default), markdown, html, json, csv or latex")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"terminal", "markdown", "html", "json", "csv", "latex"}));
  command->footer(kFooter);
  command->callback([options, &line] {
    for (auto& side : options->sides)
      if (side.starts_with('@')) side = run_folder(side);
    line.exit_code = compare(*options, line.arguments);
  });
}

}  // namespace attnbench
