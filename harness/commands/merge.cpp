// merge: joins the shards of one plan.
#include "harness/run/merge.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/commands/commands.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench run --plan default --shard 1/2 --out shard1        on one node
  attnbench run --plan default --shard 2/2 --out shard2        on another like it
  attnbench merge whole shard1 shard2
  attnbench report whole)";

int merge(const MergeOptions& options) {
  const auto outcome = merge_runs(options);
  for (const auto& line : outcome.missing) std::cerr << "attnbench: " << line << "\n";
  std::cout << outcome.records << " records of " << outcome.cases << " cases in " << options.out
            << "; see them with: attnbench report " << options.out << std::endl;
  return 0;
}

}  // namespace

void add_merge(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<MergeOptions>();
  auto* command = app.add_subcommand("merge", "Join the runs of a plan's shards into one run directory.");
  command->add_option("OUT", options->out, "folder of the merged run, to be made")->required();
  command->add_option("RUN", options->runs, "run directories, one per shard (`attnbench run --shard I/N`)")->required();
  command->add_flag("--partial", options->partial, "merge what there is although shards, or cases of theirs, are missing");
  command->add_flag("--allow-mixed", options->allow_mixed,
                    "merge although the runs were measured with several binaries or machines; the report says so");
  command->footer(kFooter);
  command->callback([options, &line] {
    options->command = line.arguments;
    line.exit_code = merge(*options);
  });
}

}  // namespace attnbench
