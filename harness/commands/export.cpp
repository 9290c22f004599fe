// export: a stored run in the formats of other tools, written by the package attnbench_reports.
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/commands/commands.h"
#include "harness/commands/python_tool.h"
#include "harness/commands/run_folders.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench export results/mine --format google-benchmark --out mine.json     its compare.py reads it
  attnbench export results/mine --format latex                                 the summary as a booktabs table
CSV tables are in the report: RUN/report/tables.)";

struct Options {
  std::string run, format, out;
};

int export_run(const Options& options) {
  std::vector<std::string> arguments{run_folder(options.run), "--format", options.format};
  if (!options.out.empty()) arguments.push_back("--out=" + options.out);
  return run_python_tool("export", "attnbench_reports.exchange", std::move(arguments));
}

}  // namespace

void add_export(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("export", "Write a stored run as Google Benchmark JSON or as a LaTeX table.");
  command->add_option("RUN", options->run, "run directory; @last is the newest below results/")->required();
  command->add_option("--format", options->format, "google-benchmark or latex")
      ->required()
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"google-benchmark", "latex"}));
  command->add_option("--out", options->out, "file; default: standard output")->type_name("FILE");
  command->footer(kFooter);
  command->callback([options, &line] { line.exit_code = export_run(*options); });
}

}  // namespace attnbench
