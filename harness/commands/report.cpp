// report: tables, figures and pages from one or more run directories.
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/commands/browser.h"
#include "harness/commands/commands.h"
#include "harness/commands/python_tool.h"
#include "harness/commands/run_folders.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench report results/20260301T120000Z_default
  attnbench report @last --open              the newest run of results/, in the browser
  attnbench report results/laptop results/server --out both
  attnbench report results/laptop --baseline naive
  attnbench report results/laptop --fail-on complexity)";

struct Options {
  std::vector<std::string> runs;
  std::string out, baseline, fail_on;
  bool open = false;
  bool quiet = false;
};

int report(const Options& options) {
  const auto runs = run_folders(options.runs);
  const auto out = options.out.empty() ? runs[0] + "/report" : options.out;
  const int code =
      make_report(runs, {.out = out, .baseline = options.baseline, .fail_on = options.fail_on, .quiet = options.quiet});
  if (options.open && is_made(code)) open_in_browser(out + "/report.html");
  return code;
}

}  // namespace

void add_report(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("report", "Make the report of one or more stored runs: HTML, Markdown, tables, figures.");
  command->add_option("RUN", options->runs, "run directories; @last is the newest below results/")->required();
  command->add_option("--out", options->out, "folder of the report; default: RUN/report of the first run")->type_name("DIR");
  command->add_option("--baseline", options->baseline, kBaselineHelp)->type_name("NAME");
  command->add_option("--fail-on", options->fail_on, kFailOnHelp)->check(CLI::IsMember({"complexity"}))->type_name("complexity");
  command->add_flag("--open", options->open, kOpenHelp);
  command->add_flag("-q,--quiet", options->quiet, "do not print the summary table");
  add_debug_option(*command);
  command->footer(kFooter);
  command->callback([options, &line] { line.exit_code = report(*options); });
}

}  // namespace attnbench
