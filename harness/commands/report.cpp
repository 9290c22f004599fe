// report: tables, figures and pages from one or more run directories.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "harness/commands/commands.h"
#include "harness/commands/python_tool.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench report results/20260301T120000Z_default
  attnbench report results/laptop results/server --out both
  attnbench report results/laptop --fail-on complexity)";

struct Options {
  std::vector<std::string> runs;
  std::string out, fail_on;
};

int report(const Options& options) {
  for (const auto& run : options.runs)
    if (!std::filesystem::exists(run + "/run.json")) throw UserError("'" + run + "' is no run directory: it holds no run.json");
  const auto out = options.out.empty() ? options.runs[0] + "/report" : options.out;
  return make_report(options.runs, out, options.fail_on);
}

}  // namespace

void add_report(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("report", "Make the report of one or more stored runs: HTML, Markdown, tables, figures.");
  command->add_option("RUN", options->runs, "run directories")->required();
  command->add_option("--out", options->out, "folder of the report; default: RUN/report of the first run")->type_name("DIR");
  command->add_option("--fail-on", options->fail_on, kFailOnHelp)->check(CLI::IsMember({"complexity"}))->type_name("complexity");
  command->footer(kFooter);
  command->callback([options, &line] { line.exit_code = report(*options); });
}

}  // namespace attnbench
