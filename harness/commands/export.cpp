// export: a stored run in the formats of other tools, or its tables again; written by the package attnbench.
#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "harness/commands/commands.h"
#include "harness/commands/python_tool.h"
#include "harness/commands/run_folders.h"
#include "harness/commands/table_options.h"
#include "harness/support/json.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench export @last --format summary --sort time_at_n                     the table that the run ended with
  attnbench export @last --format cases --filter 'n>=1024' --sort n,time        a line per case
  attnbench export results/mine --format google-benchmark --out mine.json     its compare.py reads it
  attnbench export results/mine --format latex                                 the summary as a booktabs table
  attnbench export results/mine --format latex --columns 'variant,time ~,time at,vs,error'
  attnbench export results/mine --format figures --width 8.5cm --out paper     PDF files as wide as a column
CSV tables are in the report: RUN/report/tables.)";

struct Options {
  std::string run, format, out, width, baseline;
  TableView view;
};

int export_run(const Options& options) {
  std::vector<std::string> arguments{run_folder(options.run), "--format", options.format};
  const std::pair<const char*, const std::string&> given[] = {
      {"--out=", options.out}, {"--width=", options.width}, {"--baseline=", options.baseline}};
  for (const auto& [name, value] : given)
    if (!value.empty()) arguments.push_back(name + value);
  for (auto& argument : options.view.arguments()) arguments.push_back(std::move(argument));
  return run_python_tool("export", "attnbench.exchange", std::move(arguments));
}

}  // namespace

void add_export(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "export", "Write a stored run as tables, as Google Benchmark JSON, as a LaTeX table or as figures for a paper.");
  command->add_option("RUN", options->run, "run directory; @last is the newest below results/")->required();
  command->add_option("--format", options->format, "summary, cases, google-benchmark, latex or figures")
      ->required()
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"summary", "cases", "google-benchmark", "latex", "figures"}));
  command->add_option("--out", options->out, "file (default: standard output); of figures a folder (default: RUN/paper)")
      ->type_name("PLACE");
  command->add_option("--width", options->width, "of figures: 3.33in (default), 8.5cm, 241pt")->type_name("LENGTH");
  command->add_option("--baseline", options->baseline, kBaselineHelp)->type_name("NAME");
  add_table_options(*command, options->view);
  add_debug_option(*command);
  command->footer(kFooter);
  command->callback([options, &line] { line.exit_code = export_run(*options); });
}

}  // namespace attnbench
