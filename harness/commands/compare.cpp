// compare: two stored runs, two variants of one run, or two builds measured alternately. The package attnbench does it;
// this checks the call.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "harness/commands/commands.h"
#include "harness/commands/python_tool.h"
#include "harness/commands/run_folders.h"
#include "harness/commands/table_options.h"
#include "harness/support/json.h"
#include "harness/support/paths.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench compare results/before results/after
  attnbench compare results/before results/after --format markdown > comment.md
  attnbench compare results/before results/after --filter 'verdict!=SAME' --sort ratio:desc
  attnbench compare results/before results/after --fail-on regression=5%
  attnbench compare results/mine --variants naive blockwise    two variants of one run, paired by round
  attnbench compare old.json new.json                          files of Google Benchmark
  attnbench compare --base a1 a2 a3 --new b1 b2 b3             several starts of each side: runs or files

Measured in turns, in random order within each round; what follows -- goes to `attnbench run` on both sides:
  attnbench compare --builds old/attnbench build/attnbench -- --variants naive,linear -a n=256:4k:x2
  attnbench compare --revisions main HEAD -- --plan smoke
  attnbench compare --plugins old/libmine.so new/libmine.so -- -a n=256:4k:x2
  attnbench compare --paired './sort_a data' './sort_b data'   any commands: the whole process is timed

How to read the table: docs/compare.md. Exit codes: 0 ok; 1 a measured command failed; 2 usage, or sides that cannot be
compared; 3 what --fail-on asked for; 130 interrupted.)";

struct Options {
  std::vector<std::string> sides, base, new_;
  std::vector<std::string> variants, paired, builds, revisions, plugins;
  std::string resume, out, format = "terminal", fail_on, noise_floor;
  std::optional<int> rounds, seed;
  TableView view;
  bool run_stored = false, missing = false, machines = false, inputs = false, errors = false;

  bool measures() const { return !paired.empty() || !builds.empty() || !revisions.empty() || !plugins.empty() || !resume.empty(); }
  std::vector<std::string> stored() const {
    auto all = sides;
    all.insert(all.end(), base.begin(), base.end());
    all.insert(all.end(), new_.begin(), new_.end());
    return all;
  }
};

// What follows --; the command line has not parsed it.
std::vector<std::string> options_for_run(const std::vector<std::string>& arguments) {
  const auto mark = std::find(arguments.begin(), arguments.end(), "--");
  return mark == arguments.end() ? std::vector<std::string>() : std::vector<std::string>(mark + 1, arguments.end());
}

void check(const Options& options, const std::vector<std::string>& for_run) {
  if (!for_run.empty() && options.builds.empty() && options.revisions.empty() && options.plugins.empty())
    throw UserError("what follows -- goes to `attnbench run` of --builds, --revisions or --plugins; '" + for_run[0] +
                    "' has no use here");
  if (options.view.any() && options.format != "terminal")
    throw UserError("--sort, --filter and --columns are for --format terminal, not " + options.format);
  const auto stored = options.stored();
  if (options.measures()) {
    if (!stored.empty()) throw UserError("'" + stored[0] + "' is a stored run, but this call measures; leave one out");
    return;
  }
  for (const auto& [given, name] :
       {std::pair(options.rounds.has_value(), "--rounds"), std::pair(options.seed.has_value(), "--seed")})
    if (given)
      throw UserError(std::string(name) +
                      " has no use for stored runs; it belongs to --builds, --revisions, --plugins or --paired");
  if (stored.empty()) throw UserError("give BASE and NEW to compare (see attnbench compare --help)");
  for (const auto& side : stored)
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
  const auto all = [&](const char* name, const std::vector<std::string>& values) {
    if (values.empty()) return;
    arguments.emplace_back(name);
    arguments.insert(arguments.end(), values.begin(), values.end());
  };
  all("--base", options.base);
  all("--new", options.new_);
  two("--variants", options.variants);
  two("--paired", options.paired);
  two("--builds", options.builds);
  two("--revisions", options.revisions);
  two("--plugins", options.plugins);
  if (options.measures()) one("--attnbench", self_path());
  one("--resume", options.resume);
  one("--out", options.out);
  one("--format", options.format);
  one("--fail-on", options.fail_on);
  one("--noise-floor", options.noise_floor);
  if (options.rounds) one("--rounds", std::to_string(*options.rounds));
  if (options.seed) one("--seed", std::to_string(*options.seed));
  for (const auto& word : for_run) one("--run-option", word);
  for (auto& word : options.view.arguments()) arguments.push_back(std::move(word));
  if (options.run_stored) arguments.push_back("--run-stored-commands");
  if (options.missing) arguments.push_back("--allow-missing");
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
             : "invalid percentage '" + text + "'; expected e.g. 5%";
}

std::string bad_finding(const std::string& text) {
  if (text == "regression") return "";
  const std::string start = "regression=";
  return text.starts_with(start) ? bad_percentage(text.substr(start.size()))
                                 : "'" + text + "' is not known; give regression or regression=5%";
}

constexpr const char* kMeasured = "Measured in turns";

void add_measuring_options(CLI::App& command, Options& options) {
  const auto two = [&](const char* name, std::vector<std::string>& values, const char* help) {
    return command.add_option(name, values, help)->expected(2)->type_name("A B")->group(kMeasured);
  };
  const std::vector<CLI::Option*> kinds{
      two("--paired", options.paired, "two commands, each quoted; cases are compared if both are `attnbench run`"),
      two("--builds", options.builds, "two attnbench binaries"),
      two("--revisions", options.revisions, "two commits of the repository around here, built in a cache"),
      two("--plugins", options.plugins, "two builds of a plugin, measured by this attnbench; default: the variants both hold"),
      command.add_option("--resume", options.resume, "carry on an interrupted measurement in its folder")
          ->type_name("DIR")
          ->group(kMeasured)};
  for (auto* kind : kinds)
    for (auto* other : kinds)
      if (kind != other) kind->excludes(other);
  command.add_flag("--run-stored-commands", options.run_stored, "let --resume run the two commands that its folder stores")
      ->needs(kinds.back())
      ->group(kMeasured);
  command.add_option("--rounds", options.rounds, "rounds of each side; default: 10, or as many as the table needs")
      ->type_name("COUNT")
      ->check(CLI::Range(1, 10000))
      ->group(kMeasured);
  command.add_option("--seed", options.seed, "of the coin that decides who goes first in a round; default: drawn, and recorded")
      ->type_name("NUMBER")
      ->check(CLI::NonNegativeNumber)
      ->excludes(kinds.back())
      ->group(kMeasured);
}

void add_judging_options(CLI::App& command, Options& options) {
  const auto flag = [&](const char* name, bool& value, const char* help) {
    command.add_flag(name, value, help)->group("How to judge");
  };
  command
      .add_option("--fail-on", options.fail_on,
                  "exit 3 when a row is SLOWER by more than that, or a case of the base has no time to compare in the new side")
      ->type_name("regression[=5%]")
      ->check(bad_finding, "", "finding")
      ->group("How to judge");
  command
      .add_option(
          "--noise-floor", options.noise_floor,
          "call no change below this; default 1 %. For one run on each side it replaces the assumed difference between starts")
      ->type_name("PERCENT")
      ->check(bad_percentage, "", "percentage")
      ->group("How to judge");
  flag("--allow-missing", options.missing,
       "let --fail-on pass when the new side did not attempt cases of the base (absent, skipped)");
  flag("--allow-different-machines", options.machines, "compare runs of different machines");
  flag("--allow-different-inputs", options.inputs, "compare runs with another seed or dataset");
  flag("--allow-different-errors", options.errors, "compare speeds where the approximation errors differ");
}

int compare(const Options& options, const std::vector<std::string>& arguments) {
  const auto for_run = options_for_run(arguments);
  check(options, for_run);
  return run_python_tool("comparison", "attnbench.compare", python_arguments(options, for_run));
}

}  // namespace

void add_compare(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("compare", "Say what became FASTER or SLOWER between two runs, builds, commits or variants.");
  command->add_option("RUN", options->sides, "base and new: run directories or Google Benchmark files; or one paired measurement")
      ->expected(0, -1);
  const auto starts = [&](const char* name, std::vector<std::string>& values, const char* help) {
    command->add_option(name, values, help)->expected(1, -1)->type_name("RUN...");
  };
  starts("--base", options->base, "several starts of the base: runs, or files; how far starts lie apart is measured then");
  starts("--new", options->new_, "several starts of the new side");
  command->add_option("--variants", options->variants, "two variants of one run")->expected(2)->type_name("A B");
  add_measuring_options(*command, *options);
  add_judging_options(*command, *options);
  command->add_option("--out", options->out, "folder for the comparison in every format; of a measurement, also its records")
      ->type_name("DIR");
  command->add_option("--format", options->format, "what to print: terminal (default), markdown, html, json, csv or latex")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"terminal", "markdown", "html", "json", "csv", "latex"}));
  add_table_options(*command, options->view);
  add_debug_option(*command);
  command->footer(kFooter);
  command->callback([options, &line] {
    for (auto* paths : {&options->sides, &options->base, &options->new_})
      for (auto& path : *paths)
        if (path.starts_with('@')) path = run_folder(path);
    line.exit_code = compare(*options, line.arguments);
  });
}

}  // namespace attnbench
